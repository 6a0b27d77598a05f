/** How an attempt ended, from what its host says and what was asked of it; and whether it is tried again. */
import { isTransient } from "@maestro/shared/contract/task-reasons";
import type { FinalState, TaskReason } from "@maestro/shared/contract/tasks";
import type { ErrorCode, MaestroError } from "@maestro/shared/errors";
import type { AttemptEnd } from "@maestro/shared/protocol/tasks";
import { redialDelayMs } from "@maestro/shared/protocol/backoff";
import type { Attempt, EndedAttempt, StopWhy, TaskCore } from "./model.ts";

/** Of a task with several targets: results up to this length stay in its row. */
export const INLINE_RESULT_CHARS = 1024;
/** A lost attempt of an idempotent task is repeated so often, whatever `retries` says: it is nothing the task did. */
const LOST_RETRIES = 3;

export interface Verdict {
  outcome: FinalState;
  reason?: TaskReason | undefined;
}

export const reason = (code: TaskReason["code"], detail: string, hint?: string): TaskReason => ({
  code,
  detail: detail.slice(0, 2048),
  ...(hint === undefined ? {} : { hint }),
});

export const lost = (detail: string, hint?: string): Verdict => ({ outcome: "lost", reason: reason("host_lost", detail, hint) });

/** A host that stopped something because it was asked to says so; why it was asked is known here. */
export function verdictOf(end: AttemptEnd, stop: StopWhy | undefined, why: string): Verdict {
  if (end.outcome === "cancelled" && stop !== undefined) return stoppedVerdict(stop, why);
  if (end.outcome === "completed") return { outcome: "completed" };
  return { outcome: end.outcome, reason: end.reason ?? reason(defaultReason(end), `The host gave no reason (${endedHow(end)}).`) };
}

export function stoppedVerdict(stop: StopWhy, why: string): Verdict {
  switch (stop) {
    case "cancelled":
      return { outcome: "cancelled", reason: reason("cancelled", why) };
    case "timeout":
      return { outcome: "timed_out", reason: reason("timeout", why, "`--timeout` gives it longer.") };
    case "heartbeat_timeout":
      return { outcome: "timed_out", reason: reason("heartbeat_timeout", why) };
    case "superseded":
      return { outcome: "lost", reason: reason("host_lost", why) };
  }
}

function defaultReason({ outcome, exitCode, signal }: AttemptEnd): TaskReason["code"] {
  switch (outcome) {
    case "completed":
    case "failed":
      return signal !== undefined ? "killed_by_signal" : exitCode === null ? "internal" : "exit_nonzero";
    case "cancelled":
      return "cancelled";
    case "timed_out":
      return "timeout";
    case "lost":
      return "host_lost";
  }
}

const endedHow = ({ exitCode, signal }: AttemptEnd): string =>
  signal !== undefined ? `signal ${signal}` : exitCode === null ? "it never ran" : `exit code ${exitCode}`;

/** By which an identical repeat is known. */
export const saidOf = ({ outcome, exitCode, signal, endedMs, log }: AttemptEnd): string =>
  [outcome, exitCode ?? "", signal ?? "", endedMs, log?.bytes ?? "", log?.sha256 ?? ""].join(" ");

export function endedAttempt(attempt: Attempt, verdict: Verdict, end: AttemptEnd | undefined, nowMs: number): EndedAttempt {
  if (end === undefined) return { ...attempt, ...verdict, finishedMs: nowMs };
  return {
    ...attempt,
    ...verdict,
    finishedMs: nowMs,
    said: saidOf(end),
    ...(end.exitCode === null ? {} : { exitCode: end.exitCode }),
    signal: end.signal,
    result: end.result,
    usage: end.usage,
    session: end.session,
    branch: end.branch,
    log: end.log,
  };
}

/**
 * When to try again; undefined: not. An attempt of which nobody knows whether it still runs is repeated only where that
 * does no harm, and then only because `onLost` says so.
 *
 * @param tried attempts so far, this one included. @param random uniform in [0, 1).
 */
export function retryAtMs(
  { retries, retryOn, idempotent, onLost, cancel }: Pick<TaskCore, "retries" | "retryOn" | "idempotent" | "onLost" | "cancel">,
  { outcome, reason }: Verdict,
  tried: number,
  random: number,
  nowMs: number,
  scale: number,
): number | undefined {
  if (outcome === "completed" || outcome === "cancelled" || cancel !== undefined || reason === undefined) return undefined;
  const atMs = nowMs + redialDelayMs(tried - 1, random, scale);
  if (reason.code === "host_lost") return idempotent && onLost === "retry" && tried <= Math.max(retries, LOST_RETRIES) ? atMs : undefined;
  if (tried > retries) return undefined;
  if (!isTransient(reason.code) && !retryOn.includes(reason.code)) return undefined;
  const quotaMs = reason.retryAt === undefined ? undefined : Date.parse(reason.retryAt);
  return quotaMs === undefined || Number.isNaN(quotaMs) ? atMs : Math.max(atMs, quotaMs);
}

/** Refusals of a start that do not say whether the host took it. */
const UNCERTAIN: ReadonlySet<ErrorCode> = new Set([
  "host_unreachable",
  "timeout",
  "internal",
  "rate_limited",
  "superseded",
  "frame_invalid",
]);
export const isUncertain = ({ code }: MaestroError): boolean => UNCERTAIN.has(code);

/** A refusal of the host's, as the reason of a failure. */
export function reasonOfError({ code, detail, hint }: MaestroError): TaskReason {
  return reason(REASON_OF[code] ?? "internal", detail, hint);
}

const REASON_OF: Partial<Record<ErrorCode, TaskReason["code"]>> = {
  workspace_error: "workspace_error",
  workspace_busy: "workspace_error",
  path_outside_roots: "policy_denied",
  policy_denied: "policy_denied",
  env_denied: "policy_denied",
  spawn_failed: "spawn_failed",
  agent_cli_missing: "agent_cli_missing",
  agent_type_not_found: "agent_cli_missing",
  agent_type_invalid: "spawn_failed",
  secret_not_found: "secret_missing",
  disk_full: "disk_low",
};
