/** Ended tasks go after their time, and their logs with them. */
import { TASK_RETENTION_MS } from "@maestro/shared/limits";
import { idTime } from "@maestro/shared/ids";
import type { TaskCore } from "../../domain/tasks/model.ts";
import type { TaskRows } from "./task-rows.ts";

/** Looked at in one go; the rest a moment later. */
const AT_ONCE = 50;
const PAUSE_MS = 1_000;
/** Between two looks at all of them. */
const ROUND_MS = 3_600_000;

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
  /** Of the round that is under way: the last one looked at, and when the first of those goes that stayed. */
  #after: string | undefined;
  #nextMs: number | undefined;

  constructor(port: RetentionPort) {
    this.#port = port;
    // It may itself have ended late; those after it did not.
    for (const { key } of port.rows.oldest(1)) this.#dueMs = Math.max(port.nowMs() + PAUSE_MS, idTime(key) + TASK_RETENTION_MS);
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
    const { over, more } = this.#look(nowMs);
    // First its logs: nobody would find them any more.
    for (const { id } of over.flatMap((task) => task.targets.flatMap(({ past }) => past))) await this.#port.eraseLog(id);
    for (const task of over) this.#port.rows.delete(task);
    if (over.length > 0) this.#port.forgotten();
    if (more) this.#dueMs = nowMs + PAUSE_MS;
    else {
      this.#dueMs = this.#nextMs === undefined ? undefined : Math.max(this.#nextMs, nowMs + ROUND_MS);
      this.#after = undefined;
      this.#nextMs = undefined;
    }
  }

  /** One that stays, being needed or having ended late, does not hold up those after it. */
  #look(nowMs: number): { over: TaskCore[]; more: boolean } {
    const over: TaskCore[] = [];
    let seen = 0;
    for (const task of this.#port.rows.oldest(AT_ONCE, this.#after)) {
      seen += 1;
      this.#after = task.key;
      const goesMs = Math.max(task.finishedMs ?? 0, idTime(task.key)) + TASK_RETENTION_MS;
      if (goesMs <= nowMs && !this.#port.needed(task.key)) over.push(task);
      else this.#nextMs = Math.min(this.#nextMs ?? Infinity, goesMs);
      // All after it are younger still.
      if (idTime(task.key) + TASK_RETENTION_MS > nowMs) return { over, more: false };
    }
    return { over, more: seen === AT_ONCE };
  }
}
