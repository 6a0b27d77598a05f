/** [LG3] Logs over HTTP: the bytes from any offset or the last lines, as they are stored or as they come. */
import { isFinal, LOG_HEADERS, type TaskDetail } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import { formatGap, type LogGap } from "@maestro/shared/log-marker";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { reachOf } from "../domain/access/permissions.ts";
import { CONTEXT_HEADER, type SchedulerContext } from "../domain/access/socket-context.ts";
import type { AttemptOwner } from "../domain/tasks/calls.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { catchUp } from "../http/log-catch-up.ts";
import { followedLog, SILENT_MS, storedLog, type LogSpan } from "../http/log-stream.ts";
import { firstWord } from "../http/socket-word.ts";
import { recordOpening, requireStanding } from "../http/sockets.ts";
import type { AttemptLog, LogView } from "../objects/attempt-log.ts";
import type { LogContext } from "../objects/attempt-log/context.ts";
import { logName, logOf } from "../objects/log-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";

type Asking = RouteContext<"taskLog" | "attemptLog">;

export const taskLogRoutes = defineRoutes({
  async taskLog(rx) {
    requireOneStart(rx);
    const owner = await schedulerOf(rx).attemptFor(rx.params.id, reachOf(rx.principal), rx.query.agent);
    if (owner.ok || owner.error.code !== "log_not_found") return logAnswer(rx, unwrap(owner));
    if (rx.query.follow === "true") return firstLog(rx);
    const task = await schedulerOf(rx).task(rx.params.id, reachOf(rx.principal));
    if (task.ok) mayStillRun(task.value, rx.query.agent);
    return unwrap(owner);
  },

  async attemptLog(rx) {
    requireOneStart(rx);
    return logAnswer(rx, unwrap(await schedulerOf(rx).attempt(rx.params.id, reachOf(rx.principal))));
  },
});

/** Of what ended without having run there will never be one. */
function mayStillRun({ id, targets }: TaskDetail, agent: string | undefined): void {
  const target = targets.find((one) => agent === undefined || one.agent?.name === agent || one.agent?.id === agent);
  if (target === undefined || !isFinal(target.status) || target.attempt !== undefined) return;
  const { status, reason } = target;
  const why = reason?.detail.trim() ?? "";
  const told = why === "" ? "" : `: ${why.replace(/\.$/, "")}`;
  throw fail("log_not_found", `Task '${id}' ended as ${status} without having run${told}.`, {
    hint: reason?.hint ?? `maestro task status ${id} shows it.`,
  });
}

/** In a task that has not begun, the first log is waited for as long as a log may be silent; then the reader comes again. */
async function firstLog(rx: RouteContext<"taskLog">): Promise<Response> {
  const { principal, query } = rx;
  const untilMs = Date.now() + SILENT_MS * rx.config.timeScale;
  for (let tries = 0; ; tries++) {
    const task = unwrap(await schedulerOf(rx).task(rx.params.id, reachOf(principal)));
    mayStillRun(task, query.agent);
    const context: SchedulerContext = { kind: "taskLog", task: task.id, ...(query.agent === undefined ? {} : { agent: query.agent }) };
    const waiting = await schedulerOf(rx).fetch("https://scheduler/", {
      headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) },
    });
    if (waiting.webSocket === null) return waiting;
    const word = await firstWord(waiting.webSocket, untilMs - Date.now());
    // It was let in before the wait, which may have been long.
    if (principal.kind === "agent") unwrap(await schedulerOf(rx).holdsFence(principal.id, principal.fence));
    const owner = await schedulerOf(rx).attemptFor(task.id, reachOf(principal), query.agent);
    if (owner.ok || owner.error.code !== "log_not_found" || isFinal(task.status)) return logAnswer(rx, unwrap(owner));
    if (principal.kind !== "agent") await requireStanding(rx.db, principal);
    if (word === "late" || tries === MAX_CUTS)
      return new Response("", { headers: headersOf(task.id, NOTHING, { from: query.offset ?? 0, gap: undefined }) });
  }
}

/** A socket that is cut, as by a deploy, is opened again. */
const MAX_CUTS = 5;
const NOTHING = { bytes: 0, complete: false };

async function logAnswer(rx: Asking, owner: AttemptOwner): Promise<Response> {
  const log = logOf(rx, owner.attempt);
  const { env, config, fleet, principal, requestId } = rx;
  if (rx.query.follow !== "true") {
    const whose = { fleet, host: owner.host.id, attempt: owner.attempt, credential: principal.id, requestId };
    await catchUp(log, whose, { env, timeScale: config.timeScale });
    return stored(log, await viewOf(rx, owner, log));
  }
  // Whoever follows is looked at once more, however long ago it was let in. The socket may open meanwhile: its other end is
  // here, and nothing of it is passed on before that is done.
  const [opened, recording] = await Promise.allSettled([opening(rx, owner, log), recorded(rx, owner)]);
  if (recording.status === "rejected") {
    if (opened.status === "fulfilled") hangUp(opened.value.answer);
    throw recording.reason;
  }
  if (opened.status === "rejected") throw opened.reason;
  const { view, answer } = opened.value;
  if (answer === undefined) return stored(log, view);
  if (answer.webSocket === null) return answer;
  const maxMs = expiryOf(rx) - rx.nowMs;
  return new Response(followedLog(answer.webSocket, view.span, config.timeScale, maxMs), { headers: view.headers });
}

interface AnswerView {
  state: LogView;
  span: LogSpan;
  headers: Record<string, string>;
}

async function viewOf(rx: Asking, owner: AttemptOwner, log: DurableObjectStub<AttemptLog>): Promise<AnswerView> {
  const state = await log.state();
  const from = await startOf(rx, log, state);
  const span = { from, gap: gapFrom(from, state.omitted) };
  return { state, span, headers: headersOf(owner.attempt, state, span) };
}

/** Without an answer: there is nothing to wait for, all of it is stored. */
async function opening(
  rx: Asking,
  owner: AttemptOwner,
  log: DurableObjectStub<AttemptLog>,
): Promise<{ view: AnswerView; answer: Response | undefined }> {
  const view = await viewOf(rx, owner, log);
  return { view, answer: view.state.complete ? undefined : await follow(rx, owner, log, view.span.from) };
}

function hangUp(answer: Response | undefined): void {
  answer?.webSocket?.accept();
  answer?.webSocket?.close(CLOSE.normal);
}

const stored = (log: DurableObjectStub<AttemptLog>, { state, span, headers }: AnswerView): Response =>
  new Response(
    storedLog(span, state.available, (offset, maxBytes) => log.read(offset, maxBytes)),
    { headers },
  );

function requireOneStart({ query: { offset, tailLines } }: Asking): void {
  if (offset !== undefined && tailLines !== undefined)
    throw fail("field_invalid", "Either `offset` or `tailLines`, not both.", { field: "tailLines", hint: "Leave one of them out." });
}

async function startOf({ query }: Asking, log: DurableObjectStub<AttemptLog>, state: LogView): Promise<number> {
  const { offset, tailLines } = query;
  if (tailLines !== undefined) return log.tailOffset(tailLines);
  if (offset !== undefined && state.complete && offset > state.available)
    throw fail("offset_invalid", `Offset ${offset} is past the end: the log has ${state.available} bytes.`, {
      field: "offset",
      hint: `At most ${state.available}.`,
    });
  return offset ?? 0;
}

/** What of it lies before the reader. */
const gapFrom = (from: number, gap: LogGap | undefined): LogGap | undefined =>
  gap === undefined || from >= gap.to ? undefined : { from: Math.max(from, gap.from), to: gap.to };

function headersOf(name: string, state: Pick<LogView, "bytes" | "complete" | "sha256">, { from, gap }: LogSpan): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="${name}.log"`,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    [LOG_HEADERS.start]: String(from),
    [LOG_HEADERS.bytes]: String(state.bytes),
    [LOG_HEADERS.complete]: String(state.complete),
    ...(state.sha256 === undefined ? {} : { [LOG_HEADERS.sha256]: state.sha256 }),
    ...(gap === undefined ? {} : { [LOG_HEADERS.omitted]: formatGap(gap) }),
  };
}

/** An agent's token ends with its fence: the stream is short, and the next one is refused. */
async function recorded({ principal, fleet, db, nowMs }: Asking, { attempt }: AttemptOwner): Promise<void> {
  if (principal.kind !== "agent") await recordOpening(db, fleet, principal, { kind: "log", object: logName(fleet, attempt) }, nowMs);
}

async function follow(rx: Asking, owner: AttemptOwner, log: DurableObjectStub<AttemptLog>, offset: number): Promise<Response> {
  const { principal, fleet, requestId } = rx;
  const { attempt, host } = owner;
  const context: LogContext = { kind: "log", fleet, host: host.id, attempt, credential: principal.id, requestId, offset };
  return log.fetch("https://log/", { headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) } });
}

const expiryOf = ({ principal }: Asking): number => (principal.kind === "agent" ? Infinity : principal.expiresMs);
