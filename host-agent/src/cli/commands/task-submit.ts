/** Hands a task in, once: where the connection breaks before the answer is here, it is asked again under the same key. */
import { randomBytes } from "node:crypto";
import type { Task } from "@maestro/shared/contract/tasks";
import { MaestroFailure } from "@maestro/shared/errors";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { ApiClient } from "../api/client.ts";
import { patiently } from "../api/patience.ts";
import type { Context } from "../context.ts";
import { Interrupted } from "../interrupted.ts";
import { Interruption } from "../interruption.ts";
import { ServerRefusal } from "../render/failure.ts";
import { patienceOf } from "./task-await.ts";
import type { Body } from "./task-body.ts";

/** As many as may go with a task, over a slow line. */
const IMAGES_MS = 180_000;

export async function submitTask(context: Context, client: ApiClient, body: Body): Promise<Task> {
  const idempotencyKey = randomBytes(16).toString("base64url");
  const timeoutMs = body.images === undefined ? undefined : context.timeoutMs + IMAGES_MS;
  try {
    return await client.call("taskCreate", { body, idempotencyKey, timeoutMs });
  } catch (error) {
    if (!mayHaveArrived(error)) throw error;
  }
  using interruption = new Interruption();
  const patience = { ...patienceOf(context, interruption), met: true, away: (why: string) => context.out.note(`${why} Asking again.`) };
  try {
    return await patiently(patience, () => client.call("taskCreate", { body, idempotencyKey, timeoutMs, signal: interruption.signal }));
  } catch (error) {
    if (interruption.happened) throw new Interrupted("before it was known whether the task is there", "See: maestro task list");
    throw error;
  }
}

/** Not where nobody listened: then nothing was sent. */
function mayHaveArrived(error: unknown): boolean {
  if (error instanceof ServerRefusal) return error.problem.code === "idempotency_in_progress";
  return error instanceof MaestroFailure && error.error.code === "server_unreachable" && BROKEN.has(errnoOf(error.cause) ?? "");
}

const BROKEN: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);
