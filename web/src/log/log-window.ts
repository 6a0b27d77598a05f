/**
 * The part of a log that this page keeps: its end, growing at the bottom as it is followed, at the top as it is asked for.
 * Bounded: what is over the limit goes away at the top, whole lines at a time, and can be loaded again.
 */
import { PLAIN, type Pen } from "./ansi.ts";
import { LineSplitter, wholeLines, type RawLine } from "./line-splitter.ts";
import { LogLine } from "./log-line.ts";

export interface LogLimits {
  keepBytes: number;
  keepLines: number;
  /** What loading earlier parts may let it grow to. */
  mostBytes: number;
}

const MiB = 1024 * 1024;
export const LOG_LIMITS: LogLimits = { keepBytes: 4 * MiB, keepLines: 40_000, mostBytes: 16 * MiB };
/** Dropped in portions: each drop lays the rest out anew. */
const DROP_SLACK = 1.25;

export class LogWindow {
  readonly #limits: LogLimits;
  #splitter = new LineSplitter(0);
  #lines: LogLine[] = [];
  #open: LogLine | undefined;
  #pen: Pen = PLAIN;
  #start: number | undefined;
  #end = 0;
  #missing = 0;
  #keepBytes: number;
  #keepLines: number;

  constructor(limits: LogLimits = LOG_LIMITS) {
    this.#limits = limits;
    this.#keepBytes = limits.keepBytes;
    this.#keepLines = limits.keepLines;
  }

  /** Where what is shown begins in the log; undefined before the first byte is known. */
  get start(): number | undefined {
    return this.#start;
  }
  /** Where it goes on. */
  get end(): number {
    return this.#end;
  }
  get canGrow(): boolean {
    return this.#end - (this.#start ?? 0) < this.#limits.mostBytes;
  }

  /** The ended lines, then the open one. The array is never changed, only replaced. */
  lines(): readonly LogLine[] {
    return this.#open === undefined ? this.#lines : [...this.#lines, this.#open];
  }

  /** The next bytes come from here: at first anywhere, later after the last ones, or past what the log does not have. */
  begin(offset: number): void {
    if (this.#start === undefined) {
      this.#start = offset;
      this.#end = offset;
      this.#splitter = new LineSplitter(offset);
    } else if (offset > this.#end) {
      this.#missing = offset - this.#end;
      if (this.#open !== undefined) this.#lines = [...this.#lines, this.#open];
      this.#open = undefined;
      this.#end = offset;
      this.#splitter = new LineSplitter(offset);
    }
  }

  /** @param offset of the first byte; what is here already is passed over. */
  append(bytes: Uint8Array, offset: number): void {
    this.begin(offset);
    const fresh = bytes.subarray(Math.max(0, this.#end - offset));
    if (fresh.byteLength === 0) return;
    this.#end += fresh.byteLength;
    const added = this.#splitter.push(fresh).map((raw) => this.#parsed(raw));
    if (added.length > 0) this.#lines = this.#lines.concat(added);
    const open = this.#splitter.open();
    this.#open = open === undefined ? undefined : new LogLine(open, this.#pen, this.#missing);
    this.#drop();
  }

  /** What stands just before the first line. @returns false when nothing of it is a whole line. */
  prepend(bytes: Uint8Array, offset: number): boolean {
    const start = this.#start ?? 0;
    const raw = wholeLines(bytes.subarray(0, Math.max(0, start - offset)), offset);
    const [first] = raw;
    if (first === undefined) return false;
    let pen = PLAIN;
    const earlier = raw.map((one) => {
      const line = new LogLine(one, pen, 0);
      pen = line.penAfter;
      return line;
    });
    this.#lines = [...earlier, ...this.#lines];
    this.#start = first.offset;
    this.#keepBytes = Math.max(this.#keepBytes, Math.min(this.#limits.mostBytes, this.#end - first.offset + this.#limits.keepBytes / 2));
    this.#keepLines = Math.max(this.#keepLines, this.#lines.length + this.#limits.keepLines / 2);
    return true;
  }

  #parsed(raw: RawLine): LogLine {
    const line = new LogLine(raw, this.#pen, this.#missing);
    this.#pen = line.penAfter;
    this.#missing = 0;
    return line;
  }

  #drop(): void {
    const start = this.#start ?? 0;
    if (this.#end - start <= this.#keepBytes * DROP_SLACK && this.#lines.length <= this.#keepLines * DROP_SLACK) return;
    const byLines = Math.max(0, this.#lines.length - this.#keepLines);
    const byBytes = this.#lines.findIndex((line) => line.offset >= this.#end - this.#keepBytes);
    this.#lines = this.#lines.slice(Math.max(byLines, byBytes === -1 ? this.#lines.length : byBytes));
    this.#start = this.#lines[0]?.offset ?? this.#open?.offset ?? this.#end;
  }
}
