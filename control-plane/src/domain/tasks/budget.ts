/**
 * What agents may have done beneath a task, in money and in tasks. It is counted on the task that has the budget, for all
 * generations beneath it: whoever ends before its children is accountable for them all the same.
 */
import type { Budget, Task } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_TASKS_BENEATH } from "@maestro/shared/limits";
import type { TaskCore } from "./model.ts";

/** What was done. */
export interface Beneath {
  tasks: number;
  usd: number;
}

type Budgeted = Pick<TaskCore, "id" | "budget" | "beneath">;

const NOTHING: Beneath = { tasks: 0, usd: 0 };
/** Sums of cents would not be what they look like. */
const PRECISION = 1e6;

/** @param costUsd what of it was told. */
export function charge(task: TaskCore, tasks: number, costUsd: number): void {
  const before = task.beneath ?? NOTHING;
  task.beneath = { tasks: before.tasks + tasks, usd: Math.round((before.usd + costUsd) * PRECISION) / PRECISION };
}

/** Why what is beneath it is to end; undefined while there is money left. */
export function overspent({ id, budget, beneath = NOTHING }: Budgeted): string | undefined {
  if (budget?.usd === undefined || beneath.usd < budget.usd) return undefined;
  return `The tasks beneath '${id}' may cost ${budget.usd} USD together, and have cost ${beneath.usd} USD.`;
}

/** Why nothing more is submitted beneath these. */
export function budgetProblem(above: readonly Budgeted[]): MaestroError | undefined {
  for (const task of above) {
    const detail = overspent(task) ?? tooMany(task);
    if (detail !== undefined)
      return maestroError("budget_exceeded", detail, {
        hint:
          (task.budget?.tasks ?? MAX_TASKS_BENEATH) === MAX_TASKS_BENEATH && overspent(task) === undefined
            ? "Put more of the work into each of them."
            : `Whoever dispatched '${task.id}' can dispatch it again with a larger budget.`,
      });
  }
  return undefined;
}

function tooMany({ id, budget, beneath = NOTHING }: Budgeted): string | undefined {
  const most = budget?.tasks ?? MAX_TASKS_BENEATH;
  return beneath.tasks < most ? undefined : `There may be ${most} tasks beneath '${id}', and there are.`;
}

export function budgetView({ budget, beneath }: { budget?: Budget | undefined; beneath?: Beneath | undefined }): Task["budget"] {
  if (budget === undefined && beneath === undefined) return undefined;
  const { tasks, usd } = beneath ?? NOTHING;
  return {
    ...(budget?.usd === undefined ? {} : { usd: budget.usd }),
    spentUsd: usd,
    tasks: budget?.tasks ?? MAX_TASKS_BENEATH,
    usedTasks: tasks,
  };
}
