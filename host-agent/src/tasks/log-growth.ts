/**
 * Notices that a followed log grows, at once and at little cost: a watch tells of one write only and is then made anew, so a
 * child that writes a million times a second is heard a few times in it.
 */
import { watch, type FSWatcher } from "node:fs";

export class GrowthWatch {
  readonly #file: string;
  readonly #grew: () => void;
  #watcher: FSWatcher | undefined;

  constructor(file: string, grew: () => void) {
    this.#file = file;
    this.#grew = grew;
  }

  /** False when this machine has no watch left, or the file is not there: then it has to be looked at. */
  arm(): boolean {
    if (this.#watcher !== undefined) return true;
    try {
      const watcher = watch(this.#file, { persistent: false }, () => this.#fire());
      watcher.on("error", () => this.disarm());
      this.#watcher = watcher;
      return true;
    } catch {
      return false;
    }
  }

  disarm(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #fire(): void {
    this.disarm();
    this.#grew();
  }
}
