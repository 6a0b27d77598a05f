/**
 * Marks the end of a terminal's output: written into the slave after the program's exit and looked for at
 * the master. What came before it is the whole tail; itself it is never passed on.
 */

export type Drained =
  /** Nothing of the sentinel yet: these bytes are output for certain. */
  | { type: "output"; bytes: Buffer }
  /** The last bytes of output; whatever followed the sentinel came from a straggler. */
  | { type: "end"; bytes: Buffer };

export class SentinelScanner {
  readonly #sentinel: Buffer;
  /** Bytes that may be the beginning of the sentinel; shorter than it. */
  #held: Buffer = Buffer.alloc(0);

  constructor(sentinel: Buffer) {
    this.#sentinel = sentinel;
  }

  push(chunk: Buffer): Drained {
    const all = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = all.indexOf(this.#sentinel);
    if (at >= 0) return { type: "end", bytes: all.subarray(0, at) };
    const keep = this.#partialAtEnd(all);
    this.#held = Buffer.from(all.subarray(all.byteLength - keep));
    return { type: "output", bytes: all.subarray(0, all.byteLength - keep) };
  }

  /** When the sentinel never came: what was held back is output after all. */
  rest(): Buffer {
    return this.#held;
  }

  #partialAtEnd(bytes: Buffer): number {
    for (let keep = Math.min(this.#sentinel.byteLength - 1, bytes.byteLength); keep > 0; keep--) {
      if (bytes.subarray(bytes.byteLength - keep).equals(this.#sentinel.subarray(0, keep))) return keep;
    }
    return 0;
  }
}
