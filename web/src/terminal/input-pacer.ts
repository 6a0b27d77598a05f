/**
 * Sends input in order and no faster than the relay takes it (64 KiB/s). Full: the rest is refused, and
 * the caller says so; nothing waits for a connection that is away [CH6].
 */
const CHUNK_BYTES = 16 * 1024;
const CHUNK_EVERY_MS = 300;
const MAX_WAITING_BYTES = 1024 * 1024;

export class InputPacer {
  readonly #send: (bytes: Uint8Array) => boolean;
  readonly #refused: () => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (bytes: Uint8Array) => boolean, refused: () => void) {
    this.#send = send;
    this.#refused = refused;
  }

  push(bytes: Uint8Array): void {
    if (this.#waiting.length === 0 && this.#timer === undefined && bytes.byteLength <= CHUNK_BYTES) {
      if (!this.#send(bytes)) this.#refused();
      return;
    }
    if (this.#waitingBytes + bytes.byteLength > MAX_WAITING_BYTES) return this.#refused();
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) this.#waiting.push(bytes.subarray(at, at + CHUNK_BYTES));
    this.#waitingBytes += bytes.byteLength;
    if (this.#timer === undefined) this.#next();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #next(): void {
    this.#timer = undefined;
    const chunk = this.#waiting.shift();
    if (chunk === undefined) return;
    this.#waitingBytes -= chunk.byteLength;
    if (!this.#send(chunk)) {
      this.clear();
      return this.#refused();
    }
    this.#timer = setTimeout(() => this.#next(), CHUNK_EVERY_MS);
  }
}
