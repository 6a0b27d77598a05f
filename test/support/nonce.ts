/**
 * Work that leaves its mark: the very first thing it does is append its nonce to a ledger, and its output and exit code
 * follow from the nonce. So whoever reads the ledger knows how often it ran, and whoever has the log knows what is missing.
 */
import { existsSync, readFileSync } from "node:fs";
import type { FinalState } from "@maestro/shared/contract/tasks";
import type { TaskReasonCode } from "@maestro/shared/contract/task-reasons";

export interface NonceTask {
  nonce: string;
  /** Of output, before and after the pause each. */
  lines: number;
  pauseMs: number;
  /** After the pause it takes memory until it is stopped. */
  hog?: boolean;
  /** It does not end before this file is there. */
  until?: string;
}

// `>>` opens with O_APPEND: many children share the ledger, and none overwrites what another wrote.
const SCRIPT = `printf '%s\\n' "$1" >>"$2" || exit 99
seq -f "$1 a%.0f" 1 "$3"
sleep "$4"
if [ -n "$7" ]; then while [ ! -e "$7" ]; do sleep 0.1; done; fi
if [ -n "$6" ]; then exec tail /dev/zero; fi
seq -f "$1 b%.0f" 1 "$3"
printf 'end %s\\n' "$1"
exit "$5"`;

export const nonceCommand = ({ nonce, lines, pauseMs, hog, until }: NonceTask, ledger: string): string[] => [
  "/bin/sh",
  "-c",
  SCRIPT,
  "nonce",
  nonce,
  ledger,
  String(lines),
  String(pauseMs / 1000),
  String(nonceExit(nonce)),
  hog === true ? "hog" : "",
  until ?? "",
];

export function nonceOutput({ nonce, lines }: NonceTask): Buffer {
  const half = (letter: string) => Array.from({ length: lines }, (_, n) => `${nonce} ${letter}${n + 1}\n`).join("");
  return Buffer.from(`${half("a")}${half("b")}end ${nonce}\n`);
}

/** Every fifth or so does not succeed. */
export function nonceExit(nonce: string): number {
  let sum = 0;
  for (const char of nonce) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003;
  return sum % 5 === 0 ? 1 + (sum % 90) : 0;
}

export class Ledger {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** How often each nonce ran. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    const text = existsSync(this.file) ? readFileSync(this.file, "utf8") : "";
    for (const nonce of text.split("\n").filter((line) => line !== "")) counts.set(nonce, (counts.get(nonce) ?? 0) + 1);
    return counts;
  }
}

/** What was done to it, which excuses an end that is not its own. Nothing excuses a second run. */
export type Excuse = "runner_killed" | "host_gone" | "disk_full" | "memory" | "cancelled";

const EXCUSED: Record<Excuse, readonly TaskReasonCode[]> = {
  runner_killed: ["runner_died", "killed_by_signal"],
  host_gone: ["host_lost", "host_reboot"],
  disk_full: [
    "disk_low",
    "workspace_error",
    "spawn_failed",
    "runner_died",
    "internal",
    "offer_refused",
    "killed_by_signal",
    "exit_nonzero",
  ],
  memory: ["oom_killed"],
  cancelled: ["cancelled"],
};

export interface Expected {
  id: string;
  work: NonceTask;
  excuses: ReadonlySet<Excuse>;
  /** Whether what it depends on ended as it must. */
  allowed: boolean;
}

export interface Observed {
  status: string;
  reason: string | undefined;
  /** In its own words, for whoever reads what is wrong. */
  detail?: string | undefined;
  exitCode: number | undefined;
  /** By the ledger. */
  runs: number;
  /** By the API. */
  log: Uint8Array | undefined;
  /** The host's own file of the attempt that ran. */
  file: Uint8Array | undefined;
}

/** Invariant I: not lost, not run twice, the log byte by byte, the final state as the work really ended. */
export function violations({ id, work, excuses, allowed }: Expected, seen: Observed): string[] {
  const found: string[] = [];
  const wrong = (what: string) =>
    found.push(`${id}: ${what} (${JSON.stringify({ ...seen, log: seen.log?.length, file: seen.file?.length })})`);
  const excused = [...excuses].some((excuse) => (EXCUSED[excuse] as readonly string[]).includes(seen.reason ?? ""));
  if (seen.runs > 1) wrong(`ran ${seen.runs} times`);
  const exit = nonceExit(work.nonce);
  const own = work.hog !== true && ownEnd(seen, exit);
  if (!isFinalState(seen.status)) wrong("has not ended");
  else if (!allowed && seen.runs > 0) wrong("ran although what it depends on did not end as it must");
  else if (!allowed && seen.reason !== "dependency_failed" && !(excuses.has("cancelled") && seen.reason === "cancelled"))
    wrong("ended for another reason than its dependency");
  else if (allowed && !own && !excused) wrong(`should have ended by itself with ${exit}`);
  if (own && seen.runs !== 1) wrong(`is said to have run, and left ${seen.runs} marks`);
  found.push(
    ...logViolations(id, { whole: own && !excuses.has("disk_full") && !excuses.has("host_gone"), expected: nonceOutput(work) }, seen),
  );
  return found;
}

const ownEnd = ({ status, reason, exitCode }: Observed, exit: number): boolean =>
  exit === 0 ? status === "completed" && exitCode === 0 : status === "failed" && reason === "exit_nonzero" && exitCode === exit;

function logViolations(id: string, { whole, expected }: { whole: boolean; expected: Buffer }, { log, file, runs }: Observed): string[] {
  const found: string[] = [];
  const bytes = Buffer.from(log ?? []);
  if (file !== undefined && !bytes.equals(file)) found.push(`${id}: the log has ${bytes.length} bytes, the host's file ${file.length}`);
  if (whole && !bytes.equals(expected)) found.push(`${id}: the log is not what it wrote: ${bytes.length} of ${expected.length} bytes`);
  if (!whole && !expected.subarray(0, bytes.length).equals(bytes)) found.push(`${id}: the log holds what it never wrote`);
  if (runs === 0 && bytes.length > 0) found.push(`${id}: a log of ${bytes.length} bytes, and it never ran`);
  return found;
}

const FINAL: readonly FinalState[] = ["completed", "failed", "cancelled", "timed_out", "lost"];
const isFinalState = (status: string): boolean => (FINAL as readonly string[]).includes(status);
