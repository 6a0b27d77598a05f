/**
 * Tells the fleet's Feed what happened to tasks, in order and at least once: a task stays open until its end was told, and
 * up to which change that went is written now and then. A Feed that is away delays nothing else.
 */
import type { NewEvent } from "../../domain/events/event.ts";
import { untold } from "../../domain/tasks/telling.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { errorText } from "../../log-text.ts";

export const FEED_RETRY_MS = 5_000;
/** Of one call. */
const MAX_EVENTS = 200;

interface Pending {
  change: number;
  event: NewEvent;
  /** The task that ended with it. */
  ended?: TaskCore | undefined;
}

export interface TellerPort {
  append(events: NewEvent[]): Promise<unknown>;
  /** Their ends are told. */
  close(tasks: TaskCore[]): void;
  nowMs(): number;
  rearm(): void;
}

export class Teller {
  readonly #port: TellerPort;
  readonly #pending: Pending[] = [];
  #queued: number;
  #told: number;
  #busy = false;
  #retryMs: number | undefined;

  constructor(port: TellerPort, told: number) {
    this.#port = port;
    this.#told = told;
    this.#queued = told;
  }

  /** The last change that the Feed knows. */
  get told(): number {
    return this.#told;
  }

  get dueMs(): number | undefined {
    return this.#retryMs;
  }

  /** What is new about these tasks. */
  add(tasks: Iterable<TaskCore>): void {
    const found: Pending[] = [];
    for (const task of tasks)
      for (const { change, event } of untold(task, this.#queued))
        found.push({ change, event, ended: event.type === "task.finished" ? task : undefined });
    if (found.length === 0) return;
    found.sort((a, b) => a.change - b.change);
    this.#pending.push(...found);
    this.#queued = found.at(-1)?.change ?? this.#queued;
  }

  /** Never waits. */
  tell(): void {
    if (this.#busy || this.#pending.length === 0 || this.#retryMs !== undefined) return;
    void this.#tellAll();
  }

  /** From the alarm. */
  retry(): void {
    if (this.#retryMs === undefined || this.#retryMs > this.#port.nowMs()) return;
    this.#retryMs = undefined;
    this.tell();
  }

  async #tellAll(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending.slice(0, MAX_EVENTS);
        await this.#port.append(batch.map(({ event }) => event));
        this.#pending.splice(0, batch.length);
        this.#told = batch.at(-1)?.change ?? this.#told;
        this.#port.close(batch.flatMap(({ ended }) => ended ?? []));
      }
    } catch (cause) {
      console.warn(JSON.stringify({ message: "the Feed could not be told of tasks", cause: errorText(cause) }));
      this.#retryMs = this.#port.nowMs() + FEED_RETRY_MS;
    }
    this.#busy = false;
    this.#port.rearm();
  }
}
