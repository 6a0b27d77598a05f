/** Watches every process's argv for texts that must never be in one, for as long as it lives. Linux only. */
import { allProcesses, type ProcessInfo } from "./processes.ts";

const EVERY_MS = 2;

export class ArgvWatch implements Disposable {
  /** Distinct argvs seen, so that a test can show that the watch saw what it was to see. */
  readonly seen = new Set<string>();
  readonly leaks: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(secret: string) {
    const look = () => {
      for (const { argv } of allProcesses()) this.#note(argv, secret);
    };
    look();
    this.#timer = setInterval(look, EVERY_MS);
  }

  #note(argv: ProcessInfo["argv"], secret: string): void {
    const text = argv.join(" ");
    this.seen.add(text);
    if (text.includes(secret)) this.leaks.push(text);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
