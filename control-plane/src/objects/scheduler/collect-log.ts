/** Waits a little for what is missing of a log: it is followed from its end on, so that its host sends all before that. */
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { CONTEXT_HEADER } from "../../domain/access/socket-context.ts";
import type { EndedAttempt } from "../../domain/tasks/model.ts";
import type { LogContext } from "../attempt-log/context.ts";
import { logName } from "../log-call.ts";
import { relayOf } from "../relay-call.ts";
import type { TaskWaiters } from "./task-waiters.ts";

/** [LG2] Whoever cleans up waits no longer than that for each log, and for all of them at once. */
export const COLLECT_WITHIN_MS = 10_000;

export interface CollectPort {
  env: Env;
  fleet: string;
  waiters: Pick<TaskWaiters, "until" | "came">;
  nowMs(): number;
  rearm(): void;
}

/** @returns whether all of it is at the edge. */
export async function collectLog({ id, log, host }: EndedAttempt, port: CollectPort): Promise<boolean> {
  const { env, fleet } = port;
  if (log === undefined) return true;
  const stored = env.ATTEMPT_LOG.getByName(logName(fleet, id));
  if ((await stored.state()).complete) return true;
  if (!(await relayOf(env, fleet, host.id).linked())) return false;
  const context: LogContext = {
    kind: "log",
    fleet,
    host: host.id,
    attempt: id,
    credential: "cleanup",
    requestId: "",
    offset: log.bytes,
  };
  const answer = await stored.fetch("https://log/", { headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) } });
  // Too many follow it: it comes for them, and is asked for once more by whoever cleans up again.
  if (answer.webSocket !== null) await theEnd(answer.webSocket, `log ${id}`, port);
  return (await stored.state()).complete;
}

async function theEnd(socket: WebSocket, what: string, { waiters, nowMs, rearm }: CollectPort): Promise<void> {
  const over = waiters.until(what, nowMs() + COLLECT_WITHIN_MS);
  // It says nothing before its end, and closes then.
  for (const sign of ["message", "close", "error"] as const) socket.addEventListener(sign, () => waiters.came(what));
  socket.accept();
  rearm();
  await over;
  socket.close(CLOSE.normal, "done");
}
