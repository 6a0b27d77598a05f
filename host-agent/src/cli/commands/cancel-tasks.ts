/** Cancels tasks and waits until each of them has ended: what is to be cleared is nobody's any more. */
import { isFinal, TASK_STATES, type Task } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import type { Context } from "../context.ts";
import { Interrupted } from "../interrupted.ts";
import { Interruption } from "../interruption.ts";
import { ServerRefusal } from "../render/failure.ts";
import { awaitTask, patienceOf, type Progress } from "./task-await.ts";

/** How far they are is not shown. */
export const QUIET: Progress = { show: () => {}, stepSeconds: 10, [Symbol.dispose]: () => {} };

/** [TK4] All is over within 25 s of a host that is there. */
const END_WITHIN_MS = 30_000;

export async function cancelAndAwait(context: Context, client: ApiClient, tasks: readonly Task[], reason: string): Promise<void> {
  for (const { id } of tasks) await cancel(client, id, reason);
  using interruption = new Interruption();
  const patience = patienceOf(context, interruption);
  const untilMs = context.io.nowMs() + END_WITHIN_MS;
  for (const { id } of tasks) {
    const ended = await awaitTask(client, id, patience, QUIET, untilMs, context.io.nowMs);
    if (ended !== undefined) continue;
    if (interruption.happened) throw new Interrupted("before the tasks had ended", "See: maestro task list");
    throw fail("timeout", `Task ${id} was cancelled, and has not ended yet.`, {
      hint: `Its host may be away; see: maestro task status ${id}`,
    });
  }
}

/** One that ended by itself meanwhile is as good. */
export async function cancel(client: ApiClient, id: string, reason: string, graceMs?: number): Promise<void> {
  try {
    await client.call("taskCancel", { params: { id }, body: { reason, ...(graceMs === undefined ? {} : { graceMs }) } });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "task_final") throw error;
  }
}

const OPEN = TASK_STATES.filter((state) => !isFinal(state)).join(",");

export const openTasks = (client: ApiClient, query: { agent?: string } = {}): Promise<Task[]> =>
  client.all("tasks", { query: { ...query, status: OPEN } });
