/** [LG3] The bytes of a log: what is there, then what comes, whatever becomes of the connection meanwhile. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { ROUTES } from "@maestro/shared/contract/routes";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { logOffsetAfter, parseGap, type LogGap } from "@maestro/shared/log-marker";
import type { ApiClient } from "../api/client.ts";
import { breakWhenSilent, patiently, rest, type Patience } from "../api/patience.ts";

export type LogPlace = { kind: "task"; id: string; agent: string | undefined } | { kind: "attempt"; id: string };

export interface LogStart {
  offset?: number | undefined;
  tailLines?: number | undefined;
}

export interface OpenLog {
  /** Of the first byte that follows. */
  start: number;
  /** Of all of it, as far as the edge knows. */
  bytes: number;
  complete: boolean;
  sha256: string | undefined;
  /** Left out: the body has a marker in its place. */
  gap: LogGap | undefined;
  body: IncomingMessage;
}

export interface LogChunk {
  offset: number;
  bytes: Buffer;
}

export async function openLog(client: ApiClient, place: LogPlace, from: LogStart, follow: boolean, signal: AbortSignal): Promise<OpenLog> {
  const { body, headers } = await client.raw(
    place.kind === "task" ? ROUTES.taskLog : ROUTES.attemptLog,
    {
      params: { id: place.id },
      query: {
        offset: from.offset,
        tailLines: from.tailLines,
        ...(follow ? { follow: "true" } : {}),
        ...(place.kind === "task" ? { agent: place.agent } : {}),
      },
      signal,
    },
    { accept: "application/octet-stream" },
  );
  const start = numberIn(headers, LOG_HEADERS.start) ?? from.offset ?? 0;
  return {
    start,
    bytes: numberIn(headers, LOG_HEADERS.bytes) ?? start,
    complete: textIn(headers, LOG_HEADERS.complete) === "true",
    sha256: textIn(headers, LOG_HEADERS.sha256),
    gap: parseGap(textIn(headers, LOG_HEADERS.omitted)),
    body,
  };
}

/** Some half a minute, by when a host that is there has sent what it had. */
const MAX_LOOKS = 10;

/**
 * [LG2] Opened for reading once. Of what has ended the end may still be on its way from the host: whoever reads it then
 * would take a part for the whole, so it is waited for.
 *
 * @param ended asked when the log is not whole: its host has said how it ended, and that there is a log.
 */
export async function openWhole(
  client: ApiClient,
  place: LogPlace,
  from: LogStart,
  patience: Patience,
  ended: () => Promise<boolean>,
): Promise<{ log: OpenLog; late: boolean }> {
  for (let looks = 0; ; looks++) {
    const log = await patiently(patience, () => openLog(client, place, from, false, patience.signal));
    if (log.complete || patience.signal.aborted) return { log, late: false };
    const late = await patiently(patience, ended);
    if (!late || looks === MAX_LOOKS) return { log, late };
    log.body.destroy();
    await rest(patience, looks);
  }
}

/**
 * Ends where the log does; without `follow`, where it did when it was asked for.
 *
 * @param grows asked when nothing came for long: false ends it, for there are attempts that end without a whole log.
 * @param first what was opened already, as `from` says.
 */
export async function* readLog(
  client: ApiClient,
  place: LogPlace,
  from: LogStart,
  follow: boolean,
  patience: Patience,
  grows: () => Promise<boolean> = () => Promise.resolve(true),
  first?: OpenLog,
): AsyncGenerator<LogChunk> {
  let next = from;
  let opened = first;
  for (let quiet = 0; ; quiet++) {
    const asked = next;
    const log = opened ?? (await patiently(patience, () => openLog(client, place, asked, follow, patience.signal)));
    opened = undefined;
    breakWhenSilent(log.body, patience);
    let received = 0;
    let broken = false;
    try {
      for await (const part of log.body) {
        const bytes = Buffer.from(part);
        yield { offset: logOffsetAfter(log.start, log.gap, received), bytes };
        received += bytes.byteLength;
        quiet = 0;
      }
    } catch {
      // Read to here, it goes on from here.
      broken = true;
    } finally {
      log.body.destroy();
    }
    if (patience.signal.aborted) return;
    const at = logOffsetAfter(log.start, log.gap, received);
    // The server ends a followed answer now and then: only a log that is told to be whole has ended.
    if (!broken && (!follow || (log.complete && at >= log.bytes))) return;
    next = { offset: at };
    if (!broken && received === 0 && !(await grows())) return;
    if (broken || received === 0) await rest(patience, quiet);
  }
}

const textIn = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
};

const numberIn = (headers: IncomingHttpHeaders, name: string): number | undefined => {
  const text = textIn(headers, name);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
};
