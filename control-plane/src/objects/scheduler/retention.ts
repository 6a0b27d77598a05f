/** Ended tasks go after their time, and their logs with them. */
import { TASK_RETENTION_MS } from "@maestro/shared/limits";
import { idTime } from "@maestro/shared/ids";
import type { TaskCore } from "../../domain/tasks/model.ts";
import type { TaskRows } from "./task-rows.ts";

/** Looked at in one go; the rest a moment later. */
const AT_ONCE = 50;
const PAUSE_MS = 1_000;
const DAY_MS = 24 * 3_600_000;

export interface RetentionPort {
  rows: Pick<TaskRows, "oldest" | "delete">;
  nowMs(): number;
  /** Another one still waits for it, or asks how it ended. */
  needed(key: string): boolean;
  eraseLog(attempt: string): Promise<void>;
  forgotten(): void;
}

export class Retention {
  readonly #port: RetentionPort;
  #dueMs: number | undefined;

  constructor(port: RetentionPort) {
    this.#port = port;
    for (const oldest of port.rows.oldest(1)) this.#dueMs = Math.max(port.nowMs() + PAUSE_MS, (oldest.finishedMs ?? 0) + TASK_RETENTION_MS);
  }

  get dueMs(): number | undefined {
    return this.#dueMs;
  }

  /** If there were none, the time of the first of these is the next that is over. */
  closed(tasks: readonly TaskCore[]): void {
    for (const { finishedMs } of tasks) this.#dueMs ??= (finishedMs ?? this.#port.nowMs()) + TASK_RETENTION_MS;
  }

  async run(): Promise<void> {
    const nowMs = this.#port.nowMs();
    if (this.#dueMs === undefined || this.#dueMs > nowMs) return;
    const over: TaskCore[] = [];
    let seen = 0;
    let next: number | undefined;
    for (const task of this.#port.rows.oldest(AT_ONCE)) {
      seen += 1;
      const goesMs = Math.max(task.finishedMs ?? 0, idTime(task.key)) + TASK_RETENTION_MS;
      if (goesMs <= nowMs && !this.#port.needed(task.key)) over.push(task);
      else next = Math.min(next ?? Infinity, goesMs);
    }
    // First its logs: nobody would find them any more.
    for (const { id } of over.flatMap((task) => task.targets.flatMap(({ past }) => past))) await this.#port.eraseLog(id);
    for (const task of over) this.#port.rows.delete(task);
    if (over.length > 0) this.#port.forgotten();
    // One that is needed still does not hold up those after it.
    this.#dueMs =
      over.length > 0 && seen === AT_ONCE ? nowMs + PAUSE_MS : next === undefined ? undefined : Math.max(next, nowMs + DAY_MS / 24);
  }
}
