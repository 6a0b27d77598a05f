/** Grooms: tasks that ask an agent once, read-only, and whose answer is their point [SSH24]. */
import { GROOM_PREFIX, GROOM_PROMPT, type Groom } from "@maestro/shared/contract/grooms";
import { isFinal, type TaskDetail } from "@maestro/shared/contract/tasks";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { GROOM_TIMEOUT_MS } from "@maestro/shared/limits";
import { findAgent } from "../db/agents.ts";
import { reachOf } from "../domain/access/permissions.ts";
import { toGroom } from "../domain/tasks/groom-view.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { catchUp } from "../http/log-catch-up.ts";
import { logOf } from "../objects/log-call.ts";
import { actorFor, schedulerOf } from "../objects/scheduler-call.ts";
import { newTask } from "./new-task.ts";
import { agentWithinReach } from "./placed-sessions.ts";

/** What of a log is looked at; more no answer needs. */
const MAX_LOG_BYTES = 1024 * 1024;
/** It has changed nothing that it would have to tidy up. */
const CANCEL_GRACE_MS = 1_000;

export const groomRoutes = defineRoutes({
  async agentGroom(rx) {
    const agent = agentWithinReach(rx, await findAgent(rx.db, rx.fleet, rx.params.id));
    const { prompt = GROOM_PROMPT, timeoutMs = GROOM_TIMEOUT_MS, model, resumeSession } = rx.body;
    const { env, config, db, fleet, feed, principal, nowMs, random, repeatableId } = rx;
    const body = {
      id: `${GROOM_PREFIX}${crypto.randomUUID()}`,
      prompt,
      to: [agent.id],
      permissions: "plan" as const,
      timeoutMs,
      description: `What ${agent.name} knows`,
      ...(model === undefined ? {} : { model }),
      ...(resumeSession === undefined ? {} : { resumeSession }),
    };
    const asking = { env, config, db, fleet, feed, principal, nowMs, random, repeatable: false, repeatableId, body };
    const task = await newTask(asking, actorFor(principal));
    unwrap(await rx.auditedBy(`${agent.name}: ${task.body.id}`, (record) => schedulerOf(rx).submit(JSON.stringify(task), record)));
    return shown(rx, await detailOf(rx, task.body.id));
  },

  async groom(rx) {
    return shown(rx, await detailOf(rx, rx.params.id));
  },

  async groomCancel(rx) {
    const task = await detailOf(rx, rx.params.id);
    await shown(rx, task);
    if (isFinal(task.status)) return;
    await rx.audit(task.id);
    const cancelled = await schedulerOf(rx).cancel(task.id, reachOf(rx.principal), actorFor(rx.principal), "", CANCEL_GRACE_MS);
    // It ended by itself meanwhile.
    if (!cancelled.ok && cancelled.error.code !== "task_final") throw new MaestroFailure(cancelled.error);
  },
});

type Asking = RouteContext<"agentGroom" | "groom" | "groomCancel">;

async function detailOf(rx: Asking, id: string): Promise<TaskDetail> {
  if (!id.startsWith(GROOM_PREFIX)) throw noGroom(id);
  return unwrap(await schedulerOf(rx).task(id, reachOf(rx.principal)));
}

async function shown(rx: Asking, task: TaskDetail): Promise<Groom> {
  const groom = toGroom(task, await logOfTask(rx, task), Date.now());
  if (groom === undefined) throw noGroom(task.id);
  return groom;
}

async function logOfTask(rx: Asking, { attempts, status }: TaskDetail): Promise<{ text: string; bytes: number }> {
  const attempt = attempts.at(-1);
  if (attempt === undefined) return { text: "", bytes: 0 };
  const log = logOf(rx, attempt.id);
  const { env, config, fleet, principal, requestId } = rx;
  const whose = { fleet, host: attempt.host.id, attempt: attempt.id, credential: principal.id, requestId };
  if (status === "running") await catchUp(log, whose, { env, timeScale: config.timeScale });
  const { available } = await log.state();
  const { bytes } = await log.read(0, MAX_LOG_BYTES);
  return { text: new TextDecoder().decode(bytes), bytes: available };
}

const noGroom = (id: string): Error =>
  fail("task_not_found", `There is no groom '${id}'.`, { hint: "Begin one: maestro agent groom <agent>" });
