/**
 * A task as decisions see it: the JSON of it is one column of its row, and the rows that are open are the whole world of the
 * Scheduler. It is small: prompts, definitions and environments stay in the row and are read when they are needed.
 */
import type { Budget, DependencyOn, FinalState, HostSelector, OnLost, TaskReason, Usage } from "@maestro/shared/contract/tasks";
import type { TaskReasonCode } from "@maestro/shared/contract/task-reasons";
import type { TaskNeed } from "@maestro/shared/protocol/task-needs";
import type * as z from "zod";
import type { Beneath } from "./budget.ts";

export type Selector = z.infer<typeof HostSelector>;
export type LossRule = z.infer<typeof OnLost>;

export interface Named {
  id: string;
  name: string;
}

/** One execution. Its fence is higher than that of every earlier one of the task. */
export interface Attempt {
  id: string;
  n: number;
  fence: number;
  host: Named;
  createdMs: number;
  /** By the server's clock. */
  startedMs?: number | undefined;
  workspace?: string | undefined;
  /** Tasks that it submitted. */
  children?: number | undefined;
}

/** What it takes of its machine, as it was said last. Not a part of the attempt, which is written down. */
export interface Load {
  cpu: number;
  memoryBytes: number;
  atMs: number;
}

export interface EndedAttempt extends Attempt {
  outcome: FinalState;
  reason?: TaskReason | undefined;
  finishedMs: number;
  /** What the host said of its end, by which a repeat is told from a contradiction. Absent: nobody said anything. */
  said?: string | undefined;
  exitCode?: number | undefined;
  signal?: string | undefined;
  /** A long one has a row of its own. */
  result?: string | undefined;
  usage?: Usage | undefined;
  session?: string | undefined;
  branch?: string | undefined;
  log?: { bytes: number; sha256: string; unredacted?: string[] | undefined } | undefined;
}

export type StopWhy = "cancelled" | "timeout" | "heartbeat_timeout" | "superseded";

/** What is going on with a target. `offered` is never stored: an offer binds nobody. */
export type Phase =
  | { at: "pending"; sinceMs: number; notBeforeMs?: number | undefined }
  | { at: "offered"; sinceMs: number; attempt: Attempt }
  /**
   * [TK1] Its start is committed, from here on it may run. `confirmed`: the host said that it does. `missingMs`: since then
   * it says that it has no such attempt, over this link; `deniedMs`: over any.
   */
  | {
      at: "started";
      attempt: Attempt;
      committedMs: number;
      confirmed: boolean;
      missingMs?: number | undefined;
      deniedMs?: number | undefined;
      stop?: { why: StopWhy; sinceMs: number } | undefined;
    }
  | { at: "ended"; outcome: FinalState; reason?: TaskReason | undefined };
export type Started = Extract<Phase, { at: "started" }>;

/** One chain of attempts: of an agent on its host, or of a command on any host that the selector admits. */
export interface Target {
  agent?: (Named & { type: string }) | undefined;
  host?: Named | undefined;
  selector?: Selector | undefined;
  /** What a host has to know for it. Absent: nothing that any host would not. */
  needs?: TaskNeed[] | undefined;
  phase: Phase;
  past: EndedAttempt[];
}

export interface DependencyState {
  task: string;
  key: string;
  on: z.infer<typeof DependencyOn>;
  /** Once it has ended. */
  status?: FinalState | undefined;
}

/** Numbers of what followers are to be told, in the order of the fleet; see `telling.ts`. */
export interface Changes {
  created: number;
  started?: number | undefined;
  finished?: number | undefined;
  /** It was retried by somebody after its end. */
  again?: number | undefined;
}

export interface TaskCore {
  /** A made id, in order of time; `id` is another one where the submitter chose it. */
  key: string;
  id: string;
  title: string;
  createdMs: number;
  createdBy: string;
  /** Who shares fairly with whom: the credential, and within it the labels. */
  credential: string;
  lane: string;
  priority: number;
  dependsOn: DependencyState[];
  ifFailed: "fail" | "run";
  retries: number;
  retryOn: TaskReasonCode[];
  idempotent: boolean;
  onLost: LossRule;
  timeoutMs: number;
  scheduleTimeoutMs?: number | undefined;
  group?: { name: string; limit: number } | undefined;
  /** Globs of the hosts that its submitter reaches. */
  hosts?: string | undefined;
  parent?: { task: string; attempt: string } | undefined;
  depth: number;
  /** So many go with its prompt. Absent: none. */
  images?: number | undefined;
  /** Keys of the tasks above it, from the first one down. Absent: there is none. */
  above?: string[] | undefined;
  budget?: Budget | undefined;
  /** What was done beneath it. */
  beneath?: Beneath | undefined;
  /** The last one given out. */
  fence: number;
  targets: Target[];
  cancel?: { atMs: number; by: string; reason: string; graceMs?: number | undefined } | undefined;
  startedMs?: number | undefined;
  finishedMs?: number | undefined;
  changes: Changes;
}

/** A host as its relay tells of it. */
export interface HostState {
  id: string;
  name: string;
  /** Of the link that is or was the last. */
  link: string;
  up: boolean;
  /** It is silent on a link that is open, as far as anybody knows: it may be heard again on that same one. */
  doubted?: boolean | undefined;
  /** It named what it has since this link is up: before that nothing is offered. */
  ready: boolean;
  /** Its last sign of life; while it is up only as of when somebody looked. */
  seenMs: number;
  /** [TK2] From here its silence counts: before that nobody was there to hear it. */
  countsFromMs?: number | undefined;
  maxConcurrent: number;
  draining: boolean;
  capabilities: string[];
  types: string[];
  labels: Record<string, string>;
}

/** [TK2] */
export const silentSinceMs = ({ seenMs, countsFromMs = 0 }: HostState): number => Math.max(seenMs, countsFromMs);

export const isEnded = (target: Target): boolean => target.phase.at === "ended";

export function attemptOf({ phase }: Target): Attempt | undefined {
  switch (phase.at) {
    case "offered":
    case "started":
      return phase.attempt;
    case "pending":
    case "ended":
      return undefined;
  }
}

/** As it is written: an offer that was not accepted is as if it had not been made. */
export function stored(task: TaskCore): TaskCore {
  if (!task.targets.some(({ phase }) => phase.at === "offered")) return task;
  return {
    ...task,
    targets: task.targets.map((target) =>
      target.phase.at === "offered" ? { ...target, phase: { at: "pending", sinceMs: target.phase.sinceMs } } : target,
    ),
  };
}
