/** Where a log comes from: the API's stream of bytes, and what its headers say of it. */
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Result } from "@maestro/shared/result";
import * as z from "zod";
import { parseGap } from "@maestro/shared/log-marker";
import { open, type ApiError } from "../api/client.ts";
import type { LogPart, LogQuery } from "./log-reader.ts";
import { placedChunks } from "./placed-chunks.ts";

/** Only until the first byte of the answer: a followed log may be silent for long. */
const OPEN_TIMEOUT_MS = 20_000;

const Count = z.coerce.number().int().min(0);

export async function openLog(attempt: string, query: LogQuery, signal: AbortSignal): Promise<Result<LogPart, ApiError>> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), OPEN_TIMEOUT_MS);
  const search = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const answer = await open(ROUTES.attemptLog, { id: attempt, query: search, signal: AbortSignal.any([signal, late.signal]) });
  clearTimeout(timer);
  return answer.ok ? { ok: true, value: partOf(answer.value, query) } : answer;
}

/** The whole log as a file. The browser keeps what is large on its disk. */
export async function wholeLog(attempt: string, signal: AbortSignal): Promise<Result<Blob, ApiError>> {
  const answer = await open(ROUTES.attemptLog, { id: attempt, query: { offset: "0" }, signal });
  if (!answer.ok) return answer;
  try {
    return { ok: true, value: await answer.value.blob() };
  } catch {
    return { ok: false, error: { code: "server_unreachable", detail: "The connection was lost while the log came." } };
  }
}

function partOf({ headers, body }: Response, query: LogQuery): LogPart {
  const start = Count.safeParse(headers.get(LOG_HEADERS.start) ?? undefined).data ?? query.offset ?? 0;
  return {
    start,
    bytes: Count.safeParse(headers.get(LOG_HEADERS.bytes) ?? undefined).data ?? start,
    complete: headers.get(LOG_HEADERS.complete) === "true",
    chunks: placedChunks(start, parseGap(headers.get(LOG_HEADERS.omitted)), body === null ? none() : chunksOf(body)),
  };
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined); // it may be broken already
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}
