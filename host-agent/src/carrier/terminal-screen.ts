/** The terminal that this program runs on, as bytes: nothing is changed on their way, and nothing blocks. */
import { write } from "node:fs";
import type { Size } from "@maestro/shared/protocol/session";
import { errnoOf } from "../daemon/durable-file.ts";

const RETRY_MS = 10;

export class TerminalScreen {
  #written: Promise<void> = Promise.resolve();

  get size(): Size {
    const { columns, rows } = process.stdout;
    return { cols: Math.max(1, columns), rows: Math.max(1, rows) };
  }

  onResize(call: () => void): void {
    process.stdout.on("resize", call);
  }

  /** Resolves when the terminal has taken them; a terminal that is held takes its time. */
  write(bytes: Uint8Array): Promise<void> {
    this.#written = this.#written.then(() => writeAll(bytes));
    return this.#written;
  }

  /** A line of our own, wherever the cursor is. */
  say(line: string): Promise<void> {
    return this.write(Buffer.from(`\u001B[0m\r\n[maestro] ${line}\r\n`));
  }
}

/** Not by `process.stdout`, which blocks the whole process while its terminal is held. */
async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.byteLength > 0;) {
    const written = await new Promise<number>((resolve, reject) => {
      write(1, rest, (cause, count) => {
        if (cause === null) resolve(count);
        else if (errnoOf(cause) === "EAGAIN") setTimeout(() => resolve(0), RETRY_MS);
        else reject(cause);
      });
    });
    rest = rest.subarray(written);
  }
}
