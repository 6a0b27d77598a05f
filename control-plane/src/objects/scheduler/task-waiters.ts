/** Sockets of those who wait for the end of a task, or for its first log. They hibernate; the tag says which task. */
import * as z from "zod";
import { hasLog } from "../../domain/tasks/log-attempt.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { overall } from "../../domain/tasks/status.ts";
import { CLOSE } from "@maestro/shared/protocol/close-codes";

/** Of one fleet together; each waits a minute at most. */
export const MAX_WAITERS = 5_000;
const TAG = "task";

const LOG_TAG = "log";
const LogWait = z.object({ agent: z.string().optional() });

const tagOf = (key: string): string => `${TAG} ${key}`;
const logTagOf = (key: string): string => `${LOG_TAG} ${key}`;

export class TaskWaiters {
  readonly #ctx: DurableObjectState;
  /** Calls in this object that go on once a task has ended. */
  readonly #calls = new Map<string, { go: () => void; untilMs: number }[]>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  get full(): boolean {
    return this.#ctx.getWebSockets(TAG).length >= MAX_WAITERS;
  }

  /** Told at once when it has ended. */
  accept(task: TaskCore): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG, tagOf(task.key)]);
    if (task.finishedMs !== undefined) tell(server, task);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Told at once when it has a log, of this agent if one is named, or will have none. */
  acceptLog(task: TaskCore, agent: string | undefined): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG, LOG_TAG, logTagOf(task.key)]);
    server.serializeAttachment({ agent });
    if (task.finishedMs !== undefined || hasLog(task, agent)) tell(server, task);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Attempts of these may have begun. */
  changed(tasks: readonly TaskCore[]): void {
    if (this.#ctx.getWebSockets(LOG_TAG).length === 0) return;
    for (const task of tasks)
      for (const socket of this.#ctx.getWebSockets(logTagOf(task.key)))
        if (task.finishedMs !== undefined || hasLog(task, agentOf(socket))) tell(socket, task);
  }

  /** Once it has ended, or this time is over. */
  end(task: TaskCore, untilMs: number): Promise<void> {
    return task.finishedMs === undefined ? this.until(task.key, untilMs) : Promise.resolve();
  }

  /** Until somebody says that it has come about, or this time is over. */
  until(what: string, untilMs: number): Promise<void> {
    return new Promise((go) => this.#calls.set(what, [...(this.#calls.get(what) ?? []), { go, untilMs }]));
  }

  came(what: string): void {
    for (const { go } of this.#calls.get(what) ?? []) go();
    this.#calls.delete(what);
  }

  get dueMs(): number | undefined {
    const times = [...this.#calls.values()].flatMap((calls) => calls.map(({ untilMs }) => untilMs));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  expire(nowMs: number): void {
    for (const [key, calls] of this.#calls) {
      for (const { go, untilMs } of calls) if (untilMs <= nowMs) go();
      const left = calls.filter(({ untilMs }) => untilMs > nowMs);
      if (left.length > 0) this.#calls.set(key, left);
      else this.#calls.delete(key);
    }
  }

  ended(task: TaskCore): void {
    this.came(task.key);
    for (const socket of this.#ctx.getWebSockets(tagOf(task.key))) tell(socket, task);
  }

  closed(socket: WebSocket): void {
    try {
      socket.close(CLOSE.normal, "done");
    } catch {
      // Closed already.
    }
  }
}

/** As `acceptLog` left it. */
const agentOf = (socket: WebSocket): string | undefined => LogWait.parse(socket.deserializeAttachment()).agent;

function tell(socket: WebSocket, { id, targets, finishedMs }: TaskCore): void {
  try {
    socket.send(JSON.stringify({ t: finishedMs === undefined ? "begun" : "ended", task: id, status: overall(targets) }));
    socket.close(CLOSE.normal, "done");
  } catch {
    // It closed a moment ago.
  }
}
