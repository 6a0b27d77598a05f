/** The user's own terminal while attached: raw, filtered, and given back as it was on every way out. */
import type { Io } from "../io.ts";
import { OutputFilter } from "./filter.ts";

const E = "\u001b";
/** Title kept on the terminal's own stack. */
const ENTER = `${E}[22;0t`;
/** Everything a program may have switched on: modes, mouse, paste, focus, keyboards, charset, margins, colours, links. */
const LEAVE = [
  `${E}[?1049l`,
  `${E}[?1l${E}>`,
  `${E}[?5l${E}[?6l${E}[?7h${E}[?12l${E}[?25h${E}[?45l${E}[?66l${E}[?69l`,
  `${E}[?1000l${E}[?1002l${E}[?1003l${E}[?1004l${E}[?1005l${E}[?1006l${E}[?1007l${E}[?1015l${E}[?1016l`,
  `${E}[?2004l${E}[?2026l${E}[?2027l`,
  `${E}[<99u${E}[>4m`,
  `${E}[4l${E}[20l`,
  `${E}(B${E})B\u000f`,
  `${E}[r`,
  `${E}]8;;${E}\\`,
  `${E}[0 q${E}[0m`,
].join("");
const UNKNOWN_SIZE = { cols: 80, rows: 24 };
const RESTORE_TITLE = `${E}[23;0t`;

export class AttachedScreen {
  readonly #io: Io;
  readonly #filter = new OutputFilter();
  readonly #onExit = (): void => this.leave();
  readonly #refill: NodeJS.Timeout;
  #entered = false;
  #scrolled = false;
  #covered = false;

  constructor(io: Io) {
    this.#io = io;
    this.#refill = setInterval(() => this.#filter.refill(), 1000);
    this.#refill.unref();
  }

  /** A terminal that does not know its size says 0: a serial line, a pipe made to look like one. */
  get size(): { cols: number; rows: number } {
    const { columns, rows } = this.#io.stdout;
    if (!(columns > 0 && rows > 0)) return { ...UNKNOWN_SIZE };
    return { cols: Math.min(1000, Math.max(1, columns)), rows: Math.min(1000, Math.max(1, rows)) };
  }

  /** True while a line of ours lies over the program's screen. */
  get covered(): boolean {
    return this.#covered;
  }

  enter(): void {
    const { stdin, stdout } = this.#io;
    this.#entered = true;
    stdin.setRawMode(true);
    stdin.resume();
    stdout.write(ENTER);
    // Also when something throws, or another part ends the process.
    process.on("exit", this.#onExit);
  }

  /** Idempotent. */
  leave(): void {
    clearInterval(this.#refill);
    process.off("exit", this.#onExit);
    if (!this.#entered) return;
    this.#entered = false;
    const { stdin, stdout } = this.#io;
    stdout.write(`${LEAVE}${E}[${this.size.rows};1H\r\n${RESTORE_TITLE}`);
    stdin.setRawMode(false);
    stdin.pause();
  }

  /** Whether the terminal's answers may go to the program. */
  set answering(writer: boolean) {
    this.#filter.answering = writer;
  }

  /** [CH4] A fresh screen. The first time, what stood on the user's screen is scrolled up, not lost. */
  draw(bytes: Uint8Array, done: () => void): void {
    const { stdout } = this.#io;
    if (!this.#scrolled) stdout.write(`${E}[${this.size.rows};1H${"\n".repeat(this.size.rows)}`);
    this.#scrolled = true;
    this.#covered = false;
    this.#filter.reset();
    stdout.write(`${LEAVE}${E}[2J${E}[H${this.#filter.write(bytes)}`, () => done());
  }

  /** @param done called when the terminal has taken it. */
  write(bytes: Uint8Array, done: () => void): void {
    this.#io.stdout.write(this.#filter.write(bytes), () => done());
  }

  /** One line over the last row. The program's screen has to be drawn anew afterwards. */
  cover(text: string): void {
    const { cols, rows } = this.size;
    this.#covered = true;
    this.#io.stdout.write(`${E}7${E}[${rows};1H${E}[0;7m${text.slice(0, cols).padEnd(Math.min(cols, text.length + 1))}${E}[0m${E}[K${E}8`);
  }
}
