/** One task with its attempts, fresh as long as it may still change. */
import { ROUTES } from "@maestro/shared/contract/routes";
import { isFinal, type TaskDetail } from "@maestro/shared/contract/tasks";
import { call } from "../api/client.ts";
import type { LiveSource } from "../fleet/live.ts";

const EVERY_MS = 3_000;
/** An ended task changes only when somebody runs it again, and of that there is an event. */
const ENDED_EVERY_MS = 60_000;

/** @param ref its id or a unique prefix of it. */
export const oneTask = (ref: string): LiveSource<TaskDetail> => ({
  fetch: () => call(ROUTES.task, { id: ref }),
  concerns: ({ type, subject }, task) =>
    type.startsWith("task.") &&
    (task === undefined || subject === task.id || task.dependsOn.some((dependency) => dependency.task === subject)),
  everyMs: (task) => (task !== undefined && isFinal(task.status) ? ENDED_EVERY_MS : EVERY_MS),
});
