/** [CH6] Bytes on their way into a terminal, in order; bounded: when full, `push` takes nothing. */

const KiB = 1024;
/** A paste of 1 MiB into a program that reads slowly fits; more is refused to whoever pastes. */
export const MAX_QUEUED_INPUT_BYTES = 2 * KiB * KiB;
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 20;

/** Writes as much as goes now, without blocking: bytes written, or undefined when it would block. Throws when it is gone. */
export type TryWrite = (bytes: Uint8Array) => number | undefined;

export class WriteQueue {
  readonly #tryWrite: TryWrite;
  readonly #gone: () => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  constructor(tryWrite: TryWrite, gone: () => void) {
    this.#tryWrite = tryWrite;
    this.#gone = gone;
  }

  push(bytes: Uint8Array): boolean {
    if (this.#closed || this.#bytes + bytes.byteLength > MAX_QUEUED_INPUT_BYTES) return false;
    const idle = this.#chunks.length === 0;
    // A copy: what waits must not change when the caller reuses its buffer.
    this.#chunks.push(Uint8Array.from(bytes));
    this.#bytes += bytes.byteLength;
    if (idle) this.#flush();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#chunks = [];
    this.#bytes = 0;
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      let written: number | undefined;
      try {
        written = this.#tryWrite(first);
      } catch {
        this.close();
        this.#gone();
        return;
      }
      if (written === undefined || written === 0) {
        this.#timer = setTimeout(() => this.#flush(), this.#retryMs);
        this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
        return;
      }
      this.#retryMs = FIRST_RETRY_MS;
      this.#bytes -= written;
      if (written < first.byteLength) this.#chunks[0] = first.subarray(written);
      else this.#chunks.shift();
    }
  }
}
