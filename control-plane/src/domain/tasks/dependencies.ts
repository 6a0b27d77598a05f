/** What a task waits for, whether that came about, and which waits could never end. */
import { FINAL_STATES, type FinalState } from "@maestro/shared/contract/tasks";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { DependencyState } from "./model.ts";

export type Readiness = { is: "open"; waitsFor: DependencyState[] } | { is: "met" } | { is: "failed"; by: DependencyState };

/** Whether an end is what was waited for. */
export function fits(on: DependencyState["on"], status: FinalState): boolean {
  switch (on) {
    case "completion":
      return true;
    case "success":
      return status === "completed";
    case "failure":
      return status !== "completed";
  }
}

/** One that cannot come about any more decides at once, unless the task runs in any case. */
export function readiness(dependsOn: readonly DependencyState[], ifFailed: "fail" | "run"): Readiness {
  const failed = dependsOn.find(({ on, status }) => status !== undefined && !fits(on, status));
  if (failed !== undefined && ifFailed === "fail") return { is: "failed", by: failed };
  const waitsFor = dependsOn.filter(({ status }) => status === undefined);
  return waitsFor.length === 0 ? { is: "met" } : { is: "open", waitsFor };
}

/** What is known of a task that another one names. */
export interface KnownTask {
  key: string;
  id: string;
  status?: FinalState | undefined;
  dependsOn: readonly { key: string }[];
}

/** Many tasks may be walked through on the way; past it a cycle is taken for granted. */
const MAX_WALK = 10_000;

/**
 * The dependencies of a new task, as they are now.
 *
 * @param find by id, or by a unique prefix of one. @param at by key.
 */
export function resolveDependencies(
  id: string,
  asked: readonly { task: string; on?: DependencyState["on"] | undefined }[],
  ifFailed: "fail" | "run",
  find: (ref: string) => Result<KnownTask>,
  at: (key: string) => KnownTask | undefined,
): Result<DependencyState[]> {
  const dependsOn: DependencyState[] = [];
  for (const [i, { task: ref, on = "success" }] of asked.entries()) {
    const field = `dependsOn[${i}].task`;
    if (ref === id)
      return err(maestroError("dependency_self", `Task '${id}' cannot wait for itself.`, { field, hint: "Name another task, or none." }));
    const found = find(ref);
    if (!found.ok) {
      if (found.error.code !== "task_not_found") return err({ ...found.error, field });
      return err(
        maestroError("dependency_not_found", `No task '${ref}' to wait for.`, { field, hint: "`maestro task list` shows what there is." }),
      );
    }
    const cycle = pathTo(found.value, id, at);
    if (cycle !== undefined)
      return err(
        maestroError("dependency_cycle", `These would wait for each other: ${[id, ...cycle].join(" → ")}.`, {
          field,
          hint: "Leave one of these dependencies out.",
        }),
      );
    const { key, id: name, status } = found.value;
    if (status !== undefined && !fits(on, status) && ifFailed === "fail")
      return err(
        maestroError("dependency_failed", `Task '${name}' is ${status} already, which is not what was to be waited for (${on}).`, {
          field,
          hint: "`--if-failed run` runs it all the same; `maestro task retry` runs the other one again.",
        }),
      );
    dependsOn.push({ task: name, key, on, ...(status === undefined ? {} : { status }) });
  }
  return ok(dependsOn);
}

/** Ids from `from` along what it waits for to the task with this id; undefined: it does not lead there. */
function pathTo(from: KnownTask, id: string, at: (key: string) => KnownTask | undefined): string[] | undefined {
  const cameFrom = new Map<string, KnownTask | undefined>([[from.key, undefined]]);
  const open = [from];
  for (let task = open.pop(); task !== undefined && cameFrom.size < MAX_WALK; task = open.pop()) {
    if (task.id === id) {
      const path: string[] = [];
      for (let step: KnownTask | undefined = task; step !== undefined; step = cameFrom.get(step.key)) path.unshift(step.id);
      return path;
    }
    for (const { key } of task.dependsOn) {
      const next = cameFrom.has(key) ? undefined : at(key);
      if (next === undefined) continue;
      cameFrom.set(key, task);
      open.push(next);
    }
  }
  return undefined;
}

export const isFinalStatus = (status: string): status is FinalState => FINAL_STATES.some((final) => final === status);
