/** How a target stands, and from all of them the task: never stored, always told from what is known. */
import { FINAL_STATES, type FinalState, type TaskState } from "@maestro/shared/contract/tasks";
import { readiness } from "./dependencies.ts";
import { silentSinceMs, type HostState, type Target, type TaskCore } from "./model.ts";

/** What presence says of hosts; ended tasks are told of without it. */
export interface Presence {
  hosts: ReadonlyMap<string, HostState>;
  nowMs: number;
  leaseMs: number;
}

export function targetStatus(task: TaskCore, target: Target, presence: Presence): TaskState {
  const { phase } = target;
  switch (phase.at) {
    case "pending":
      return readiness(task.dependsOn, task.ifFailed).is === "open" ? "blocked" : "queued";
    case "offered":
      return "offered";
    case "started":
      if (phase.stop !== undefined) return "cancelling";
      if (isSilent(presence.hosts.get(phase.attempt.host.id), presence)) return "unknown";
      if (phase.confirmed) return "running";
      if (phase.missingMs !== undefined) return "unknown";
      return presence.nowMs - phase.committedMs < presence.leaseMs ? "offered" : "unknown";
    case "ended":
      return phase.outcome;
  }
}

/** [TK2] */
export const isSilent = (host: HostState | undefined, { nowMs, leaseMs }: Presence): boolean =>
  host === undefined || (!host.up && nowMs - silentSinceMs(host) >= leaseMs);

/** What goes on counts more than what waits. */
const FURTHEST: readonly TaskState[] = ["running", "cancelling", "unknown", "offered", "queued", "blocked"];

export function taskStatus(task: TaskCore, presence: Presence): TaskState {
  const states = new Set(task.targets.map((target) => targetStatus(task, target, presence)));
  return FURTHEST.find((state) => states.has(state)) ?? overall(task.targets);
}

export const WAITING_STATES: ReadonlySet<TaskState> = new Set(["blocked", "queued", "offered"]);
export const DONE_STATES: ReadonlySet<TaskState> = new Set(FINAL_STATES);

/** Of a task whose targets have all ended: the first in order that did not succeed speaks for it. */
export function overall(targets: readonly Target[]): FinalState {
  for (const { phase } of targets) if (phase.at === "ended" && phase.outcome !== "completed") return phase.outcome;
  return "completed";
}
