/** Bytes in any pieces into lines that know where they stand in the log. Pure, but for its own memory of an open line. */

export interface RawLine {
  /** Of its first byte in the log. */
  offset: number;
  /** With its newline; of a line in parts, of this part. */
  bytes: number;
  text: string;
}

/** A longer line comes in parts: what never ends must not be held back, nor make one element of the page endless. */
export const MAX_LINE_BYTES = 16 * 1024;
const NEWLINE = 10;

export class LineSplitter {
  #open: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Where the open line begins. */
  #offset: number;
  readonly #decoder = new TextDecoder();

  constructor(offset: number) {
    this.#offset = offset;
  }

  /** The lines that these bytes complete. */
  push(bytes: Uint8Array): RawLine[] {
    const lines: RawLine[] = [];
    const all = joined(this.#open, bytes);
    let from = 0;
    while (from < all.byteLength) {
      const newline = all.indexOf(NEWLINE, from);
      const end = newline === -1 ? all.byteLength : newline + 1;
      if (end - from > MAX_LINE_BYTES) {
        const cut = wholeCharacters(all, from, from + MAX_LINE_BYTES);
        lines.push(this.#line(all.subarray(from, cut), cut - from));
        from = cut;
      } else if (newline === -1) break;
      else {
        lines.push(this.#line(all.subarray(from, newline), end - from));
        from = end;
      }
    }
    this.#open = all.slice(from);
    return lines;
  }

  /** The line that has not ended yet, as far as it is there. */
  open(): RawLine | undefined {
    const bytes = this.#open.byteLength;
    return bytes === 0 ? undefined : { offset: this.#offset, bytes, text: this.#decoder.decode(this.#open) };
  }

  #line(content: Uint8Array, bytes: number): RawLine {
    const line = { offset: this.#offset, bytes, text: this.#decoder.decode(content) };
    this.#offset += bytes;
    return line;
  }
}

/** The lines of a piece of the log; what is before its first newline belongs to what was not asked for. */
export function wholeLines(bytes: Uint8Array, offset: number): RawLine[] {
  const first = offset === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
  const splitter = new LineSplitter(offset + first);
  const lines = splitter.push(bytes.subarray(first));
  const rest = splitter.open();
  return rest === undefined ? lines : [...lines, rest];
}

function joined(a: Uint8Array<ArrayBuffer>, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.byteLength + b.byteLength);
  all.set(a);
  all.set(b, a.byteLength);
  return all;
}

/** Back to where no UTF-8 character is cut; on bytes that are no UTF-8 at most three back. */
function wholeCharacters(bytes: Uint8Array, from: number, end: number): number {
  for (let cut = end; cut > Math.max(from, end - 4); cut--) if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  return end;
}
