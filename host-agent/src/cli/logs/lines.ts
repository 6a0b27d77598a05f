/** Bytes into lines, each with the offset at which it begins. A line without end is given in pieces. */

export interface LogLine {
  offset: number;
  line: string;
}

const MAX_LINE_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

export class LineSplitter {
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes follow each other; where they do not, what was begun before is given as it is. */
  *write(offset: number, bytes: Uint8Array): Generator<LogLine> {
    if (offset !== this.#offset + this.#rest.byteLength) {
      yield* this.end();
      this.#offset = offset;
    }
    let all = this.#rest.byteLength === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const at = all.indexOf(LINE_FEED);
      if (at === -1 && all.byteLength < MAX_LINE_BYTES) break;
      const length = at === -1 ? MAX_LINE_BYTES : at;
      yield { offset: this.#offset, line: all.toString("utf8", 0, length) };
      const used = at === -1 ? length : length + 1;
      this.#offset += used;
      all = all.subarray(used);
    }
    this.#rest = all;
  }

  *end(): Generator<LogLine> {
    if (this.#rest.byteLength > 0) yield { offset: this.#offset, line: this.#rest.toString("utf8") };
    this.#offset += this.#rest.byteLength;
    this.#rest = Buffer.alloc(0);
  }
}
