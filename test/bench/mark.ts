/** When a process that was started somewhere does its very first thing: it writes a line into a FIFO. */
import { constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "../support/wait.ts";

export class Mark implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "mbm-"));
  readonly file = join(this.#directory, "mark");
  readonly #socket: Socket;
  #waiting: (() => void) | undefined;

  constructor() {
    execFileSync("mkfifo", [this.file]);
    // Opened for both: it never ends, whoever writes comes and goes.
    this.#socket = new Socket({ fd: openSync(this.file, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
    this.#socket.on("data", () => {
      const resolve = this.#waiting;
      this.#waiting = undefined;
      resolve?.();
    });
  }

  /** argv of what leaves the mark and ends. */
  get argv(): string[] {
    return ["/bin/sh", "-c", 'echo >"$0"', this.file];
  }

  /** The next mark; ask before what makes it begins. */
  next(what: string): Promise<void> {
    return within(30_000, what, new Promise<void>((resolve) => (this.#waiting = resolve)));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
