/** How a program's end on another machine is told: a mark in its terminal's own bytes, which tmux lets no program make. Pure. */

/** `code`: of the program. `stopped`: with its container. `gone`: nobody knows what became of it. */
export type RemoteProgramEnd = { type: "exited"; code: number } | { type: "stopped" } | { type: "gone" };

const ESC = "\u001B";
const BEL = "\u0007";
const NUMBER = 7717;
/** More than any word. */
const MAX_WORD = 8;
/** For `printf` of a shell; `$1` is an exit code, `stopped` or `gone`. */
export const printfMark = (session: string): string => `\\033]${NUMBER};${session};%s\\007`;

/** Splits what comes into what is to be shown and the mark; after the mark nothing counts. */
export class EndMark {
  readonly #start: Buffer;
  /** What may be the beginning of a mark. */
  #held = Buffer.alloc(0);
  #end: RemoteProgramEnd | undefined;

  constructor(session: string) {
    this.#start = Buffer.from(`${ESC}]${NUMBER};${session};`);
  }

  get end(): RemoteProgramEnd | undefined {
    return this.#end;
  }

  push(chunk: Uint8Array): Buffer {
    if (this.#end !== undefined) return Buffer.alloc(0);
    const all = Buffer.concat([this.#held, chunk]);
    const at = all.indexOf(this.#start);
    if (at === -1) return this.#keep(all, all.length - overlap(all, this.#start));
    const close = all.indexOf(BEL, at);
    if (close === -1 && all.length - at <= this.#start.length + MAX_WORD) return this.#keep(all, at);
    // Too long for a mark: what is behind its beginning may hold one.
    if (close === -1 || close - at > this.#start.length + MAX_WORD) {
      const behind = at + this.#start.length;
      this.#held = Buffer.alloc(0);
      return Buffer.concat([all.subarray(0, behind), this.push(all.subarray(behind))]);
    }
    const word = all.toString("latin1", at + this.#start.length, close);
    this.#end = /^\d{1,3}$/.test(word) ? { type: "exited", code: Number(word) } : { type: word === "stopped" ? word : "gone" };
    this.#held = Buffer.alloc(0);
    return all.subarray(0, at);
  }

  /** The stream broke, and another one begins. */
  restart(): void {
    this.#held = Buffer.alloc(0);
  }

  #keep(all: Buffer, at: number): Buffer {
    this.#held = Buffer.from(all.subarray(at));
    return all.subarray(0, at);
  }
}

/** The longest end of `bytes` that begins `mark`. */
function overlap(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(bytes.length, mark.length - 1); length > 0; length--)
    if (bytes.subarray(-length).equals(mark.subarray(0, length))) return length;
  return 0;
}
