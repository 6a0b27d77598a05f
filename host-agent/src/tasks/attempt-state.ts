/** What an attempt's files mean, and how it ended: all decisions, no effects. [TK1] [TK3] */
import { constants } from "node:os";
import type { TaskReason, Usage } from "@maestro/shared/contract/tasks";
import type { TaskReasonCode } from "@maestro/shared/contract/task-reasons";
import type { AttemptEnd } from "@maestro/shared/protocol/tasks";
import { cpuOf, type AttemptFiles, type CancelNote, type Exit, type UsageFile } from "./attempt-files.ts";
import type { ProcessIdentity } from "../daemon/process-identity.ts";

export type Standing =
  /** Nothing was promised: as if it had never been offered. */
  | { type: "void" }
  /** Promised and not begun: the next `start` spawns it. */
  | { type: "accepted" }
  | { type: "running"; runner: ProcessIdentity }
  /** The runner is making itself known, or was killed at that: to be looked at again. */
  | { type: "starting"; sinceMs: number }
  | { type: "exited"; exit: Exit }
  | { type: "died"; why: "runner_died" | "host_reboot" }
  /** The end is decided and on disk. */
  | { type: "ended"; end: AttemptEnd };

/** Longer than a runner takes from making its file to filling it, however busy the machine. */
export const TORN_AFTER_MS = 10_000;

export function judge(files: AttemptFiles, now: { bootId: string; wallMs: number }): Standing {
  if (files.intent === undefined || files.spec === undefined) return { type: "void" };
  if (files.end !== undefined) return { type: "ended", end: files.end };
  if (files.exit !== undefined) return { type: "exited", exit: files.exit };
  const { started, launch } = files;
  if (started === undefined) {
    // A reboot may have lost the runner's file, which nobody synced: that it was not begun is not known any more.
    return launch !== undefined && launch.bootId !== now.bootId ? { type: "died", why: "host_reboot" } : { type: "accepted" };
  }
  if (launch !== undefined && launch.bootId !== now.bootId) return { type: "died", why: "host_reboot" };
  if (started.type === "torn") {
    const age = now.wallMs - started.atMs;
    return age >= 0 && age < TORN_AFTER_MS ? { type: "starting", sinceMs: started.atMs } : { type: "died", why: "runner_died" };
  }
  if (started.runner.bootId !== now.bootId) return { type: "died", why: "host_reboot" };
  return files.alive ? { type: "running", runner: started.runner } : { type: "died", why: "runner_died" };
}

/** What the agent CLI's own output says. */
export interface Outcome {
  result?: string | undefined;
  resultTruncated?: boolean | undefined;
  usage?: Usage | undefined;
  session?: string | undefined;
  reason?: TaskReason | undefined;
}

export interface EndFacts {
  last: { type: "exited"; exit: Exit } | { type: "died"; why: "runner_died" | "host_reboot" };
  cancel: CancelNote | undefined;
  outcome: Outcome;
  /** The last sample, for what has no exit file. */
  usage: UsageFile | undefined;
  log: AttemptEnd["log"];
  branch: string | undefined;
  startedMs: number | undefined;
  endedMs: number;
  /** For the words. */
  limits: { timeoutMs: number; heartbeatTimeoutMs: number | undefined; logLimitBytes: number };
}

export function decideEnd(facts: EndFacts): AttemptEnd {
  const { last, outcome, log, branch, startedMs, endedMs } = facts;
  const { result, resultTruncated, session } = outcome;
  const usage = usageOf(facts);
  return {
    ...verdict(facts),
    ...codesOf(last),
    ...(startedMs === undefined ? {} : { startedMs }),
    endedMs,
    ...(result === undefined ? {} : { result }),
    ...(resultTruncated === undefined ? {} : { resultTruncated }),
    ...(Object.keys(usage).length === 0 ? {} : { usage }),
    ...(session === undefined ? {} : { session }),
    ...(branch === undefined ? {} : { branch }),
    ...(log === undefined ? {} : { log }),
  };
}

/** It never ran. */
export function endUnstarted(outcome: "failed" | "cancelled", reason: TaskReason, endedMs: number): AttemptEnd {
  return { outcome, reason, exitCode: null, endedMs };
}

type Verdict = Pick<AttemptEnd, "outcome" | "reason">;

function verdict({ last, cancel, outcome, log, limits }: EndFacts): Verdict {
  // Something decided the end before it came: what the child made of the signal says nothing any more.
  if (cancel !== undefined) return cancelled(cancel, limits);
  if (last.type === "died")
    return last.why === "host_reboot"
      ? { outcome: "lost", reason: because("host_reboot", "The host was restarted while it ran.") }
      : { outcome: "failed", reason: because("runner_died", "The process that carried it was killed; what it had begun was ended.") };
  const { exit } = last;
  switch (exit.why) {
    case "timeout":
      return cancelled({ why: "timeout" }, limits);
    case "log_limit":
      return cancelled({ why: "log_limit" }, limits);
    case "fenced":
      return { outcome: "lost", reason: because("host_lost", "The host had no word from the control plane for so long that it ended it.") };
    case "exit":
      // It was faster than whoever looks after it.
      if ((log?.bytes ?? 0) > limits.logLimitBytes) return cancelled({ why: "log_limit" }, limits);
      return ofExit(exit, outcome.reason);
  }
}

function ofExit(exit: Exit, said: TaskReason | undefined): Verdict {
  if (exit.status !== 0 && exit.oom > 0)
    return { outcome: "failed", reason: because("oom_killed", "The kernel killed it: it used more memory than it may.") };
  if (said !== undefined) return { outcome: "failed", reason: said };
  if (exit.status === 0) return { outcome: "completed" };
  if (exit.signal > 0) return { outcome: "failed", reason: because("killed_by_signal", `Ended by ${signalName(exit.signal)}.`) };
  return { outcome: "failed", reason: because("exit_nonzero", `Ended with exit code ${exit.status}.`) };
}

function cancelled({ why }: Pick<CancelNote, "why">, { timeoutMs, heartbeatTimeoutMs, logLimitBytes }: EndFacts["limits"]): Verdict {
  switch (why) {
    case "cancelled":
      return { outcome: "cancelled", reason: because("cancelled", "Cancelled while it ran.") };
    case "superseded":
      return { outcome: "cancelled", reason: because("cancelled", "Another attempt took its place.") };
    case "timeout":
      return { outcome: "timed_out", reason: because("timeout", `It ran longer than ${seconds(timeoutMs)}.`) };
    case "heartbeat_timeout":
      return {
        outcome: "timed_out",
        reason: because("heartbeat_timeout", `It put nothing out for ${seconds(heartbeatTimeoutMs ?? 0)}.`),
      };
    case "log_limit":
      return {
        outcome: "failed",
        reason: {
          ...because("log_limit", `Its log grew past ${logLimitBytes} bytes.`),
          hint: "Let it write less, or raise log_limit in the host's policy file.",
        },
      };
  }
}

const seconds = (ms: number): string => `${ms / 1000} s`;

export const because = (code: TaskReasonCode, detail: string): TaskReason => ({ code, detail: detail.slice(0, 2048) });

export function codesOf(last: EndFacts["last"]): Pick<AttemptEnd, "exitCode" | "signal"> {
  if (last.type === "died") return { exitCode: null };
  const { status, signal } = last.exit;
  return signal > 0 ? { exitCode: null, signal: signalName(signal) } : { exitCode: status };
}

export function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`;
}

function usageOf({ last, outcome, usage }: EndFacts): Usage {
  const sampled: Usage = usage === undefined ? {} : { cpuMs: usage.cpuMs, peakMemoryBytes: usage.peakMemoryBytes };
  if (last.type === "died") return { ...sampled, ...outcome.usage };
  const { exit } = last;
  const peak = Math.max(exit.peakMemoryBytes, usage?.peakMemoryBytes ?? 0);
  return {
    cpuMs: Math.max(cpuOf(exit.cpu), usage?.cpuMs ?? 0),
    ...(peak > 0 ? { peakMemoryBytes: peak } : {}),
    wallMs: exit.wallMs,
    ...outcome.usage,
  };
}
