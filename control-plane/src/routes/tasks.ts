/** Tasks over HTTP: dispatch, look, wait, cancel. What happens with them is the Scheduler's to decide. */
import { GROOM_PREFIX } from "@maestro/shared/contract/grooms";
import { isFinal, TASK_STATES, type Task, type TaskDetail, type TaskState } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { reachOf } from "../domain/access/permissions.ts";
import { CONTEXT_HEADER, type SchedulerContext } from "../domain/access/socket-context.ts";
import { baseHeaders } from "../http/base-headers.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { refuseLargeTask } from "../http/large-body.ts";
import { requireStanding } from "../http/sockets.ts";
import { firstWord } from "../http/socket-word.ts";
import { actorFor, schedulerOf } from "../objects/scheduler-call.ts";
import { imagesIn } from "./task-images.ts";
import { newTask } from "./new-task.ts";

const DEFAULT_WAIT_S = 30;

/** [SSH24] A groom may read only, which its id promises. */
function refuseGroomId(id: string | undefined): void {
  if (id?.startsWith(GROOM_PREFIX) === true)
    throw fail("field_invalid", `Ids that begin with '${GROOM_PREFIX}' are those of grooms.`, {
      field: "id",
      hint: "Choose another id, or ask for a groom: maestro agent groom",
    });
}

export const taskRoutes = defineRoutes({
  async tasks(rx) {
    const { status, agent, host, parent, q } = rx.query;
    const { limit, after } = await rx.page();
    const page = await schedulerOf(rx).tasks({
      limit,
      reach: reachOf(rx.principal),
      ...(after === undefined ? {} : { before: after }),
      ...(status === undefined ? {} : { status: statesOf(status) }),
      ...(agent === undefined ? {} : { agent }),
      ...(host === undefined ? {} : { host }),
      ...(parent === undefined ? {} : { parent }),
      ...(q === undefined ? {} : { q }),
    });
    return rx.list<Task, Task>({ rows: page.items, next: page.next }, (task) => task);
  },

  async taskCreate(rx) {
    const { images: given = [], ...rest } = rx.body;
    refuseLargeTask(rest);
    refuseGroomId(rest.id);
    const { images, bytes } = await imagesIn(given);
    const task = await newTask(rx, actorFor(rx.principal), images);
    const json = unwrap(await rx.auditedBy(recordedAs(task.body), (record) => schedulerOf(rx).submit(JSON.stringify(task), record, bytes)));
    return new Response(json, { status: 201, headers: { "content-type": "application/json", ...baseHeaders(rx.requestId) } });
  },

  async task(rx) {
    return unwrap(await schedulerOf(rx).task(rx.params.id, reachOf(rx.principal)));
  },

  async taskCancel(rx) {
    const { reason = "", graceMs } = rx.body;
    const task = await seen(rx);
    await rx.audit(reason === "" ? task.id : `${task.id}: ${escapeUnsafe(reason)}`);
    return unwrap(await schedulerOf(rx).cancel(task.id, reachOf(rx.principal), actorFor(rx.principal), reason, graceMs));
  },

  async taskRetry(rx) {
    const task = await seen(rx);
    await rx.audit(task.id);
    return unwrap(await schedulerOf(rx).retry(task.id, reachOf(rx.principal), actorFor(rx.principal)));
  },

  async taskCleanup(rx) {
    const task = await seen(rx);
    await rx.audit(task.id);
    return unwrap(await schedulerOf(rx).cleanup(task.id, reachOf(rx.principal), actorFor(rx.principal), rx.body.keepLogs === true));
  },

  async taskWait(rx) {
    const untilMs = Date.now() + (rx.query.timeout ?? DEFAULT_WAIT_S) * 1000;
    const { principal } = rx;
    const task = await seen(rx);
    if (isFinal(task.status) || Date.now() >= untilMs) return task;
    const ended = await endOf(rx, task.id, untilMs);
    if (ended instanceof Response) return ended;
    // It was let in before the wait, which may have been long.
    if (principal.kind === "agent") unwrap(await schedulerOf(rx).holdsFence(principal.id, principal.fence));
    else await requireStanding(rx.db, principal);
    return ended;
  },
});

type Asking = RouteContext<"taskCancel" | "taskRetry" | "taskCleanup" | "taskWait">;

/** By what was typed, within reach; without its attempts. */
async function seen(rx: Pick<Asking, "env" | "fleet" | "principal"> & { params: { id: string } }, ref = rx.params.id): Promise<Task> {
  const detail: TaskDetail = unwrap(await schedulerOf(rx).task(ref, reachOf(rx.principal)));
  const { attempts: _, ...task } = detail;
  return task;
}

/** A socket that is cut, as by a deploy, is opened again; an object that refuses it has its say. */
async function endOf(rx: RouteContext<"taskWait">, id: string, untilMs: number): Promise<Task | Response> {
  const context: SchedulerContext = { kind: "task", task: id };
  for (let tries = 0; ; tries++) {
    const answer = await schedulerOf(rx).fetch("https://scheduler/", {
      headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) },
    });
    if (answer.webSocket === null) return answer;
    const word = await firstWord(answer.webSocket, untilMs - Date.now());
    const task = await seen(rx, id);
    if (isFinal(task.status) || word === "late" || tries === MAX_CUTS) return task;
  }
}

const MAX_CUTS = 5;

function statesOf(text: string): TaskState[] {
  return text.split(",").map((part) => {
    const state = TASK_STATES.find((one) => one === part.trim());
    if (state !== undefined) return state;
    throw fail("field_invalid", `'${part.trim().slice(0, 32)}' is no state of a task.`, {
      field: "status",
      hint: `One or more of ${TASK_STATES.join(", ")}.`,
    });
  });
}

/** An ssh-agent signs as whoever it belongs to: who let a task use one is to be seen. */
const recordedAs = ({ id, forwardAgent }: { id: string; forwardAgent?: boolean | undefined }): string =>
  forwardAgent === true ? `${id}: with the ssh-agent of its host` : id;
