/** What lies on disk of one attempt, as values. Another version of this program may have written it. */
import * as z from "zod";
import { AttemptEnd, AttemptSpec } from "@maestro/shared/protocol/tasks";
import { parseJson } from "../config/json.ts";
import type { ProcessIdentity } from "../daemon/process-identity.ts";

/** [TK1] The promise to run it once it is told to; written last of what an acceptance writes. */
export const Intent = z.object({ version: z.literal(1), attempt: z.string(), fence: z.int(), acceptedMs: z.number(), bootId: z.string() });
export type Intent = z.infer<typeof Intent>;

/** `begun.json`: on disk before the runner has its orders, from there on the work may have begun. `launch.json`: all of it. */
export const LaunchNote = z.object({
  bootId: z.string(),
  /** Absolute. */
  workspace: z.string(),
  kind: z.enum(["default", "path", "worktree"]),
  repo: z.string().optional(),
  branch: z.string().optional(),
  /** The branch was made for this task. */
  ownBranch: z.boolean().optional(),
  /** Slug of the type, and what reads its output. */
  adapter: z.string(),
  /** Its directory on the machine it runs on, if that is another one. */
  remote: z.string().optional(),
  /** It runs in this one there, or here. */
  container: z.string().optional(),
  /** Which was made for the workspace, and goes with it. */
  isolated: z.boolean().optional(),
});
export type LaunchNote = z.infer<typeof LaunchNote>;

export const CancelNote = z.object({
  why: z.enum(["cancelled", "timeout", "heartbeat_timeout", "superseded", "log_limit"]),
  atMs: z.number(),
  graceMs: z.number(),
});
export type CancelNote = z.infer<typeof CancelNote>;

/** What the runner leaves behind. */
export const Exit = z.object({
  status: z.int(),
  /** 0: none. */
  signal: z.int(),
  why: z.enum(["exit", "timeout", "fenced", "log_limit"]).catch("exit"),
  /** Processes of it that the kernel killed for want of memory. */
  oom: z.number(),
  /** User and system time of all it waited for, as the shell's `times` says. */
  cpu: z.string(),
  peakMemoryBytes: z.number(),
  wallMs: z.number(),
});
export type Exit = z.infer<typeof Exit> & { atMs: number };

/** The runner's samples. */
export const UsageFile = z.object({ uptimeCs: z.number(), cpuMs: z.number(), memoryBytes: z.number(), peakMemoryBytes: z.number() });
export type UsageFile = z.infer<typeof UsageFile>;

/** `torn`: the file is there and empty; whoever made it is about to fill it, or was killed at that. */
export type Started = { type: "named"; runner: ProcessIdentity; atMs: number } | { type: "torn"; atMs: number };

/** All of it together, read in an order in which nothing can be missed: life before exit. */
export interface AttemptFiles {
  intent: Intent | undefined;
  spec: AttemptSpec | undefined;
  launch: LaunchNote | undefined;
  started: Started | undefined;
  /** The runner was alive when it was looked at, before `exit` was. */
  alive: boolean;
  exit: Exit | undefined;
  cancel: CancelNote | undefined;
  end: AttemptEnd | undefined;
  /** The control plane has the end. */
  acked: boolean;
  /** The edge has the whole log. */
  shipped: boolean;
}

export const parseSpec = (text: string): AttemptSpec | undefined => AttemptSpec.safeParse(parseJson(text)).data;
export const parseEnd = (text: string): AttemptEnd | undefined => AttemptEnd.safeParse(parseJson(text)).data;

/** `pid start boot`, as the runner writes it; the start may hold blanks (macOS). */
export function parseStarted(text: string, atMs: number): Started {
  const [pid, ...rest] = text.trim().split(" ");
  const bootId = rest.pop();
  if (pid === undefined || !/^\d+$/.test(pid) || bootId === undefined || rest.length === 0 || !text.endsWith("\n"))
    return { type: "torn", atMs };
  return { type: "named", runner: { pid: Number(pid), started: rest.join(" "), bootId }, atMs };
}

/** `0m1.50s 0m0.25s` in milliseconds. */
export function cpuOf(times: string): number {
  return times
    .split(" ")
    .map((part) => /^(\d+)m([\d.]+)s$/.exec(part))
    .reduce((sum, found) => sum + (found === null ? 0 : Math.round((Number(found[1]) * 60 + Number(found[2])) * 1000)), 0);
}
