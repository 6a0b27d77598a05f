/** The terminal that this program runs on, as bytes: nothing is changed on their way, and nothing blocks. */
import { constants, openSync, writeSync } from "node:fs";
import type { Size } from "@maestro/shared/protocol/session";
import { errnoOf } from "../daemon/durable-file.ts";

const RETRY_MS = 10;

export class TerminalScreen {
  /** Opened anew, so that it alone does not block: descriptor 1 is shared with whoever else has this terminal. */
  readonly #terminal = openSync("/dev/tty", constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  #waiting: Promise<void> | undefined;

  get size(): Size {
    const { columns, rows } = process.stdout;
    return { cols: Math.max(1, columns), rows: Math.max(1, rows) };
  }

  onResize(call: () => void): void {
    process.stdout.on("resize", call);
  }

  /** Undefined: the terminal has taken them. One that is held takes its time. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    const rest = this.#waiting === undefined ? bytes.subarray(this.#take(bytes)) : bytes;
    if (rest.byteLength === 0) return this.#waiting;
    const waiting: Promise<void> = (this.#waiting ?? Promise.resolve())
      .then(() => this.#writeAll(rest))
      .finally(() => {
        if (this.#waiting === waiting) this.#waiting = undefined;
      });
    this.#waiting = waiting;
    return waiting;
  }

  /** A line of our own, wherever the cursor is. */
  async say(line: string): Promise<void> {
    await this.write(Buffer.from(`\u001B[0m\r\n[maestro] ${line}\r\n`));
  }

  /** So many of them, at once; not by `process.stdout`, which blocks the whole process while its terminal is held. */
  #take(bytes: Uint8Array): number {
    try {
      return writeSync(this.#terminal, bytes);
    } catch (cause) {
      if (errnoOf(cause) === "EAGAIN") return 0;
      throw cause;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.byteLength > 0;) {
      rest = rest.subarray(this.#take(rest));
      if (rest.byteLength > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
