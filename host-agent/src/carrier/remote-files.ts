/** Files of a remote host, each call one script there [SSH25]. */
import { randomBytes } from "node:crypto";
import * as path from "node:path";
import type { FileEntry, FileKind } from "@maestro/shared/contract/host-files";
import { maestroError } from "@maestro/shared/errors";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import type { ReadFilesResult } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Policy } from "../daemon/policy.ts";
import { listingOf } from "../daemon/file-listing.ts";
import { refuseSession } from "../daemon/shell-policy.ts";
import type { FrameOf } from "../link/dispatch.ts";
import { FILES_SCRIPT } from "./files-script.ts";
import type { RemoteFacts } from "./hand.ts";
import { resolveThere } from "./remote-plan.ts";
import type { RemoteShell } from "./remote-shell.ts";

export interface RemoteFilesDeps {
  shell: Pick<RemoteShell, "run">;
  policy: Policy;
  facts: Pick<RemoteFacts, "home" | "base"> | undefined;
  signal: AbortSignal;
}

/** Those of the script: any other would be about whoever asked, not about that machine. */
const REFUSALS = ["path_outside_roots", "not_a_directory", "not_a_file", "file_not_found", "file_forbidden"] as const;
const MAX_DETAIL = 1024;
/** Whoever asks is still there. */
const DEADLINE_MS = REQUEST_TIMEOUT_MS - 2_000;

export async function readFilesThere(
  { op, path: asked, offset, limit }: Pick<FrameOf<"host.files">, "op" | "path" | "offset" | "limit">,
  { shell, policy, facts, signal }: RemoteFilesDeps,
  blob: (bytes: Uint8Array) => void,
): Promise<Result<ReadFilesResult>> {
  const refusal = refuseSession(policy);
  if (refusal !== undefined) return err(refusal);
  const at = resolveThere(asked, facts, "path");
  if (!at.ok || facts === undefined) return at.ok ? err(maestroError("host_unreachable", "The host has not been reached yet.")) : at;
  const word = `m${randomBytes(8).toString("hex")}`;
  const args = [op, at.value, word, facts.base, String(offset), String(limit)];
  const ran = await shell.run(FILES_SCRIPT, args, { deadlineMs: DEADLINE_MS, signal });
  if (!ran.ok) return ran;
  const { head, rest } = split(Buffer.from(ran.value.stdout), word);
  const [mark, answer, first = "", ...words] = head.split(" ");
  if (mark !== word || (answer !== "ok" && answer !== "refused"))
    return err(
      maestroError("remote_shell_broken", `The remote shell did not do as it was told. ${ran.value.stderr.slice(0, 512)}`.trim(), {
        hint: "`maestro host check` tells what is wrong with it.",
      }),
    );
  if (answer === "refused")
    return err(
      maestroError(REFUSALS.find((code) => code === first) ?? "remote_shell_broken", stripUnsafe(words.join(" "), MAX_DETAIL), {
        field: "path",
      }),
    );
  const place = words.join(" ");
  if (op === "read") {
    const size = Number(first) || 0;
    const begin = `\n${word}B`.length;
    const bytes = rest.subarray(begin, begin + limit);
    blob(bytes);
    return ok({ bytes: bytes.byteLength, path: place, truncated: offset + bytes.byteLength < size, size });
  }
  const { entries, cut } = parseEntries(rest.toString("utf8"), word);
  if (op === "stat" && entries.length !== 1) return err(maestroError("file_not_found", `'${asked}' went away.`, { field: "path" }));
  const { bytes, truncated } = listingOf(entries, cut || first === "more");
  blob(bytes);
  return ok({ bytes: bytes.byteLength, path: place, truncated });
}

/** The head goes up to the first record. */
function split(stdout: Buffer, word: string): { head: string; rest: Buffer } {
  const begins = stdout.indexOf(`\n${word}`);
  const end = begins === -1 ? stdout.byteLength : begins;
  return { head: stdout.subarray(0, end).toString("utf8"), rest: stdout.subarray(end) };
}

/**
 * @param text records, each begun by a line break and the word; names may hold line breaks.
 * `cut`: there was more than a connection hands over. What of it came in part is left out.
 */
function parseEntries(text: string, word: string): { entries: FileEntry[]; cut: boolean } {
  const records = text.split(`\n${word}`).slice(1);
  const cut = records.pop() !== "E";
  const entries = new Map<string, FileEntry>();
  let link: FileEntry | undefined;
  for (const record of records) {
    if (record.startsWith("L ")) {
      link = entries.get(record.slice(4));
      if (link !== undefined) link.leads = LEADS[record[2] ?? ""] ?? "other";
    } else if (record.startsWith("T ")) {
      if (link !== undefined) link.target = record.slice(2);
    } else {
      const [, mode = "", size, time, name = ""] = /^ ([0-9a-fA-F]+) (\d+) (-?\d+) ([^]*)$/.exec(record.replace(/\n$/, "")) ?? [];
      const bits = Number.parseInt(mode, 16);
      const at = new Date(Number(time) * 1000);
      if (name === "" || Number.isNaN(at.getTime())) continue;
      entries.set(name, {
        name: path.posix.basename(name),
        kind: KINDS[(bits >> 12) & 0xf] ?? "other",
        size: Number(size),
        modifiedAt: at.toISOString(),
        mode: (bits & 0o7777).toString(8).padStart(4, "0"),
      });
    }
  }
  const whole = [...entries.values()].filter(({ kind, target }) => kind !== "link" || target !== undefined);
  return { entries: whole.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))), cut };
}

const LEADS: Readonly<Record<string, FileEntry["leads"]>> = { f: "file", d: "directory", o: "other", n: "nowhere" };
/** Of stat(2). */
const KINDS: Readonly<Record<number, FileKind>> = { 8: "file", 4: "directory", 10: "link" };
