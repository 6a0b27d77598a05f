/** Watches every process's argv for a text that must never be in one, for as long as it lives. Linux only. */
import { allProcesses } from "./processes.ts";

const EVERY_MS = 2;

export class ArgvWatch implements Disposable {
  readonly leaks: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(secret: string) {
    const look = () => {
      for (const { argv } of allProcesses()) if (argv.some((word) => word.includes(secret))) this.leaks.push(argv.join(" "));
    };
    look();
    this.#timer = setInterval(look, EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
