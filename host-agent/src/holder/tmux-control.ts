/**
 * One `tmux -C` client: lines in, notifications and answers out. It is always read at full speed [CH5]; an
 * unread client makes the tmux server grow until it drops it.
 */
import type { ChildProcess } from "node:child_process";
import { decodeOctal } from "./tmux-escape.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const PERCENT = 0x25;
const OUTPUT = Buffer.from("%output ");
/** A line of control mode holds at most one buffer of a pane's output, escaped fourfold. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

export interface CommandAnswer {
  ok: boolean;
  lines: Buffer[];
}

/** Called between two notifications: what an answer shows is what the output before it made. */
export type Take = (answer: CommandAnswer) => void;

export interface ControlEvents {
  /** Output of the client's one pane, that of one read together; `bytes` is used again after the call. */
  output(bytes: Buffer): void;
  /** Any other notification: its name and the rest of the line. */
  notification(name: string, rest: string): void;
  /** The client ended; every waiting command was answered as failed. `said` is what tmux complained of. */
  closed(said: string): void;
}

interface OpenAnswer {
  /** Time, number and flags: `%end` repeats them. */
  guard: string;
  ours: boolean;
  lines: Buffer[];
}

/** One for all clients: what a read brought is handed on before that read returns, and nobody keeps it. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024);

/** Commands given on stdin are answered with this bit; what tmux runs by itself is not. */
const OURS = 1;

export class TmuxControl {
  readonly #child: ChildProcess;
  readonly #events: ControlEvents;
  readonly #waiting: Take[] = [];
  #answer: OpenAnswer | undefined;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Decoded output of this read, in `scratch`. */
  #decoded = 0;
  #said = "";
  #closed = false;

  /** @param child with pipes on all three. */
  constructor(child: ChildProcess, events: ControlEvents) {
    this.#child = child;
    this.#events = events;
    child.stdout?.on("data", (chunk: Buffer) => this.#read(chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.#complain(chunk.toString("utf8")));
    child.stdin?.on("error", () => this.#close());
    child.once("error", (cause) => {
      this.#complain(cause.message);
      this.#close();
    });
    child.once("close", () => this.#close());
  }

  /** Bytes of commands that tmux has not taken yet. */
  get backlog(): number {
    return this.#child.stdin?.writableLength ?? 0;
  }

  /** `line` holds one command, without a newline; answered in order. */
  send(line: string, take: Take): void {
    if (this.#closed) return take({ ok: false, lines: [] });
    this.#waiting.push(take);
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Several commands, read by tmux at once, so that no output comes between them; `take` is called for each. */
  sendAll(lines: readonly string[], take: Take): void {
    if (this.#closed) return lines.forEach(() => take({ ok: false, lines: [] }));
    for (const _ of lines) this.#waiting.push(take);
    this.#child.stdin?.write(`${lines.join("\n")}\n`);
  }

  ask(line: string): Promise<CommandAnswer> {
    return new Promise((resolve) => this.send(line, resolve));
  }

  /** Detaches; the session stays. Nothing is told any more. */
  detach(): void {
    this.#close();
    this.#child.stdin?.end();
  }

  #close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#answer = undefined;
    for (const take of this.#waiting.splice(0)) take({ ok: false, lines: [] });
    this.#events.closed(this.#said);
  }

  #complain(text: string): void {
    this.#said = `${this.#said}${text}`.slice(0, 1_000);
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0 && !this.#closed; at = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, at);
      from = at + 1;
      this.#line(this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail]));
      this.#rest = [];
      this.#restBytes = 0;
    }
    if (this.#closed) return;
    this.#flush();
    if (from < chunk.byteLength) {
      this.#rest.push(chunk.subarray(from));
      this.#restBytes += chunk.byteLength - from;
      if (this.#restBytes > MAX_LINE_BYTES) this.#child.kill();
    }
  }

  #decode(data: Buffer): void {
    if (data.byteLength > scratch.byteLength - this.#decoded) this.#flush();
    if (data.byteLength <= scratch.byteLength) {
      this.#decoded = decodeOctal(data, scratch, this.#decoded);
      return;
    }
    const own = Buffer.allocUnsafeSlow(data.byteLength);
    this.#events.output(own.subarray(0, decodeOctal(data, own, 0)));
  }

  #flush(): void {
    const length = this.#decoded;
    if (length === 0) return;
    this.#decoded = 0;
    this.#events.output(scratch.subarray(0, length));
  }

  #line(line: Buffer): void {
    if (this.#answer !== undefined) return this.#answerLine(this.#answer, line);
    if (line[0] !== PERCENT) return this.#complain(line.toString("utf8"));
    if (line.byteLength > OUTPUT.byteLength && line.compare(OUTPUT, 0, OUTPUT.byteLength, 0, OUTPUT.byteLength) === 0) {
      const space = line.indexOf(SPACE, OUTPUT.byteLength);
      if (space > 0) this.#decode(line.subarray(space + 1));
      return;
    }
    const text = line.toString("utf8");
    const space = text.indexOf(" ");
    const name = space < 0 ? text.slice(1) : text.slice(1, space);
    const rest = space < 0 ? "" : text.slice(space + 1);
    if (name === "begin") {
      const flags = Number(rest.split(" ")[2] ?? "0");
      this.#answer = { guard: rest, ours: (flags & OURS) !== 0, lines: [] };
      return;
    }
    this.#flush();
    this.#events.notification(name, rest);
  }

  #answerLine(answer: OpenAnswer, line: Buffer): void {
    // Only the very guard closes an answer: whatever a captured screen shows is data.
    const text = line[0] === PERCENT ? line.toString("latin1") : "";
    const ended = text === `%end ${answer.guard}`;
    if (!ended && text !== `%error ${answer.guard}`) {
      answer.lines.push(Buffer.from(line));
      return;
    }
    this.#answer = undefined;
    if (!ended) this.#complain(answer.lines.join("\n"));
    if (!answer.ours) return;
    this.#flush();
    this.#waiting.shift()?.({ ok: ended, lines: answer.lines });
  }
}
