/** Cancels tasks and waits until each of them has ended: what is to be cleared is nobody's any more. */
import type { Task } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import type { Context } from "../context.ts";
import { Interrupted } from "../interrupted.ts";
import { Interruption } from "../interruption.ts";
import { ServerRefusal } from "../render/failure.ts";
import { awaitTask, patienceOf } from "./task-await.ts";

/** [TK4] All is over within 25 s of a host that is there. */
const END_WITHIN_MS = 30_000;

export async function cancelAndAwait(context: Context, client: ApiClient, tasks: readonly Task[], reason: string): Promise<void> {
  for (const { id } of tasks) await cancel(client, id, reason);
  using interruption = new Interruption();
  const patience = patienceOf(context, interruption);
  const untilMs = context.io.nowMs() + END_WITHIN_MS;
  const quiet = { show: () => {}, stepSeconds: 10, [Symbol.dispose]: () => {} };
  for (const { id } of tasks) {
    const ended = await awaitTask(client, id, patience, quiet, untilMs, context.io.nowMs);
    if (ended !== undefined) continue;
    if (interruption.happened) throw new Interrupted("before the tasks had ended", "See: maestro task list");
    throw fail("timeout", `Task ${id} was cancelled, and has not ended yet.`, {
      hint: `Its host may be away; see: maestro task status ${id}`,
    });
  }
}

/** One that ended by itself meanwhile is as good. */
async function cancel(client: ApiClient, id: string, reason: string): Promise<void> {
  try {
    await client.call("taskCancel", { params: { id }, body: { reason } });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "task_final") throw error;
  }
}
