/** Tasks as tests see them: by the API, by the CLI, and what their logs really hold. */
import { createHash } from "node:crypto";
import { Task, TaskDetail, isFinal, type TaskBody } from "@maestro/shared/contract/tasks";
import type * as z from "zod";
import { ApiRefusal, type Api } from "./api.ts";
import { poll } from "./wait.ts";

export const dispatchTask = (api: Api, body: z.input<typeof TaskBody>): Promise<Task> => api.call(Task, "POST", "/api/v1/tasks", body);
export const taskOf = (api: Api, id: string): Promise<TaskDetail> => api.call(TaskDetail, "GET", `/api/v1/tasks/${id}`);

/** A command that ends with this code, after a line of output. */
export const shell = (script: string, ...args: string[]): string[] => ["/bin/sh", "-c", script, "task", ...args];

/** While parts are being killed the API may be away for a moment. */
const patient = <T>(ask: Promise<T>): Promise<T | undefined> =>
  ask.catch((error: unknown) =>
    (error instanceof ApiRefusal && error.status >= 500) || error instanceof TypeError ? undefined : Promise.reject(error),
  );

/** Once it shows this; the API has no event for scripts but `wait`, and that is tested apart. */
export function taskShows(
  api: Api,
  id: string,
  what: string,
  holds: (task: TaskDetail) => boolean,
  timeoutMs = 60_000,
): Promise<TaskDetail> {
  let last: TaskDetail | undefined;
  return poll(
    `task ${id} ${what}`,
    async () => {
      last = (await patient(taskOf(api, id))) ?? last;
      return last !== undefined && holds(last) ? last : undefined;
    },
    { timeoutMs, everyMs: 100, detail: () => JSON.stringify(last, undefined, 1) },
  );
}

export const taskEnds = (api: Api, id: string, timeoutMs = 60_000): Promise<TaskDetail> =>
  taskShows(api, id, "ended", ({ status }) => isFinal(status), timeoutMs);

/** What is deaf to signals need not be waited for as long as by default: that time is shown once, by [F35]. */
export const cancelSoon = (api: Api, id: string, reason: string): Promise<Task> =>
  api.call(Task, "POST", `/api/v1/tasks/${id}/cancel`, { reason, graceMs: 1_000 });

/** The stored log, whole. */
export async function logOf(api: Api, id: string): Promise<string> {
  const answer = await api.request("GET", `/api/v1/tasks/${id}/log`);
  if (answer.status >= 400) throw new ApiRefusal(`GET log of ${id}`, answer);
  return answer.text;
}

/** Once the edge has all of it. */
export function wholeLog(api: Api, id: string, timeoutMs = 60_000): Promise<{ text: string; task: TaskDetail }> {
  return poll(
    `the whole log of ${id}`,
    async () => {
      const task = await taskOf(api, id);
      const text = await logOf(api, id);
      const log = task.attempts.at(-1)?.log;
      return log?.sha256 !== undefined && sha256(text) === log.sha256 && Buffer.byteLength(text) === log.bytes ? { text, task } : undefined;
    },
    { timeoutMs, everyMs: 100 },
  );
}

export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");
