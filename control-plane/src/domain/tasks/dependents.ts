/** Tasks that wait for the end of another one. */
import type { TaskCore } from "./model.ts";

export class Dependents {
  readonly #waiting = new Map<string, Set<TaskCore>>();

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  add(task: TaskCore): void {
    for (const { key, status } of task.dependsOn) {
      if (status !== undefined) continue;
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) this.#waiting.set(key, new Set([task]));
      else waiting.add(task);
    }
  }

  forget(task: TaskCore): void {
    for (const { key } of task.dependsOn) {
      const waiting = this.#waiting.get(key);
      waiting?.delete(task);
      if (waiting?.size === 0) this.#waiting.delete(key);
    }
  }

  /** Those that waited for this one; they do no more. */
  take(key: string): Iterable<TaskCore> {
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    return waiting;
  }
}
