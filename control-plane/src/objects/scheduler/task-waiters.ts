/** Sockets of those who wait for the end of a task. They hibernate; the tag says which task. */
import type { TaskCore } from "../../domain/tasks/model.ts";
import { overall } from "../../domain/tasks/status.ts";
import { CLOSE } from "@maestro/shared/protocol/close-codes";

/** Of one fleet together; each waits a minute at most. */
export const MAX_WAITERS = 5_000;
const TAG = "task";

const tagOf = (key: string): string => `${TAG} ${key}`;

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

  /** Once it has ended, or this time is over. */
  end(task: TaskCore, untilMs: number): Promise<void> {
    if (task.finishedMs !== undefined) return Promise.resolve();
    return new Promise((go) => this.#calls.set(task.key, [...(this.#calls.get(task.key) ?? []), { go, untilMs }]));
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
    for (const { go } of this.#calls.get(task.key) ?? []) go();
    this.#calls.delete(task.key);
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

function tell(socket: WebSocket, { id, targets }: TaskCore): void {
  try {
    socket.send(JSON.stringify({ t: "ended", task: id, status: overall(targets) }));
    socket.close(CLOSE.normal, "done");
  } catch {
    // It closed a moment ago.
  }
}
