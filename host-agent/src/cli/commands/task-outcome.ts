/** How a task ended, as an exit code and as a refusal. Pure. */
import { isFinal, type Task, type TaskTarget } from "@maestro/shared/contract/tasks";
import { EXIT, fail, type MaestroFailure } from "@maestro/shared/errors";

/** Of `--sync`: the first in target order that is not 0; what the child ended with passes through. */
export function passedThrough({ status, exitCode, targets }: Pick<Task, "status" | "exitCode" | "targets">): number {
  const first = targets.map(codeOfOne).find((code) => code !== EXIT.ok);
  return first ?? codeOfOne({ status, exitCode });
}

function codeOfOne({ status, exitCode }: Pick<TaskTarget, "status" | "exitCode">): number {
  if (status === "failed" && exitCode !== undefined && exitCode > 0 && exitCode <= 255) return exitCode;
  return outcomeCode(status);
}

/** Of `task wait`: only what became of the task. */
export function outcomeCode(status: Task["status"]): number {
  if (status === "completed") return EXIT.ok;
  if (!isFinal(status)) return EXIT.pending;
  return status === "timed_out" ? EXIT.timeout : EXIT.taskFailed;
}

/** Undefined: nothing failed. */
export function taskFailure(task: Task): MaestroFailure | undefined {
  if (task.status === "completed" || !isFinal(task.status)) return undefined;
  const first = task.targets.find((target) => target.status !== "completed");
  const why = first?.reason ?? task.reason;
  // What never ran has no log.
  const look = first?.attempts === 0 ? "task status" : "logs";
  return fail(
    task.status === "timed_out" ? "timeout" : "task_failed",
    `Task ${task.id} ${ENDED[task.status]}${why === undefined ? "." : `: ${sentence(why.detail)}`}`,
    {
      hint: why?.hint ?? `See: maestro ${look} ${task.id}`,
      extra: { task: task.id, taskStatus: task.status, ...(why === undefined ? {} : { reason: why.code }) },
    },
  );
}

const ENDED = { failed: "failed", cancelled: "was cancelled", timed_out: "timed out", lost: "is lost" } as const;

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
