/**
 * How a program's end in tmux is told. A tmux server closes a pane when its child is gone, read to the end or
 * not: of programs that write 20 KB and exit it loses the tail of every second. So its child is a shell that
 * outlives the program for a moment and says, after the program's last byte, how it ended. What it says is a
 * string no terminal shows (APC); here it is taken out of the stream again.
 */

/**
 * `$0` is the mark's nonce. Signals typed at the terminal are for the program. The shell's own messages
 * ("Terminated") are nobody's output. Who attends ends the session at once; otherwise tmux has read it all by then.
 */
export const RUN_AND_MARK = [
  "unset TMUX TMUX_PANE TERM_PROGRAM TERM_PROGRAM_VERSION",
  "trap : INT QUIT",
  "exec 3>&2 2>/dev/null",
  '"$@" 2>&3 3>&-',
  "code=$?",
  `printf '\\033_maestro;%s;%d\\033\\\\' "$0" "$code"`,
  "sleep 1",
  "exit $code",
].join("; ");

const ESC = 0x1b;
const REST = /^(\d{1,3})\x1b\\/;
const MAX_REST_BYTES = 5;

export interface Marked {
  /** Output for certain. */
  bytes: Buffer;
  /** `$?` of the program, once the mark was seen; what follows it is nothing. */
  code: number | undefined;
}

export class EndMarkScanner {
  readonly #mark: Buffer;
  #held: Buffer = Buffer.alloc(0);

  constructor(nonce: string) {
    this.#mark = Buffer.from(`\x1b_maestro;${nonce};`);
  }

  /** Bytes held back that may begin a mark; `release` them if nothing follows soon. */
  get holding(): boolean {
    return this.#held.byteLength > 0;
  }

  push(chunk: Buffer): Marked {
    const all = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    const at = this.#find(all);
    if (at < 0) return { bytes: all, code: undefined };
    const bytes = all.subarray(0, at);
    const code = REST.exec(all.toString("latin1", at + this.#mark.byteLength, at + this.#mark.byteLength + MAX_REST_BYTES))?.[1];
    if (code !== undefined) return { bytes, code: Number(code) };
    this.#held = Buffer.from(all.subarray(at));
    return { bytes, code: undefined };
  }

  release(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }

  /** Where the mark, or at the end what may become one, begins. */
  #find(all: Buffer): number {
    const whole = all.indexOf(this.#mark);
    if (whole >= 0) return whole;
    const tail = Math.max(0, all.byteLength - this.#mark.byteLength);
    for (let at = all.indexOf(ESC, tail); at >= 0; at = all.indexOf(ESC, at + 1)) {
      if (all.compare(this.#mark, 0, all.byteLength - at, at) === 0) return at;
    }
    return -1;
  }
}
