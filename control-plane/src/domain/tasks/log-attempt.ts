/** [LG3] Whose log is meant by a task and perhaps one of its agents. */
import type { Attempt, EndedAttempt, Target, TaskCore } from "./model.ts";

/** Of this agent, by name or id; without one the first. */
export const targetOf = ({ targets }: Pick<TaskCore, "targets">, agent: string | undefined): Target | undefined =>
  targets.find((one) => agent === undefined || one.agent?.name === agent || one.agent?.id === agent);

/** The newest one. An offer binds nobody: what is only offered has no log. */
export const loggedOf = ({ phase, past }: Target): Attempt | EndedAttempt | undefined =>
  phase.at === "started" ? phase.attempt : past.at(-1);

export function hasLog(task: Pick<TaskCore, "targets">, agent: string | undefined): boolean {
  const target = targetOf(task, agent);
  return target !== undefined && loggedOf(target) !== undefined;
}
