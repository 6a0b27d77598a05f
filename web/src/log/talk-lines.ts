/** Lines as a person reads them: what an agent's CLI wrote for programs becomes what it said and did. */
import { anyTalk } from "@maestro/shared/talk/talk";
import { PLAIN } from "./ansi.ts";
import { LogLine } from "./log-line.ts";

/** A longer line is no event. */
const MAX_LINE_CHARS = 8 * 1024 * 1024;
const STAMP = /^TRACE: \[[^\]]{0,40}\] step: (?=\{")/;
const encoder = new TextEncoder();

export class TalkLines {
  readonly #talk = anyTalk();
  /** What became of each line; only what is decided. */
  readonly #shown = new WeakMap<LogLine, readonly LogLine[]>();
  #found = false;

  /** There are events among the lines. */
  get found(): boolean {
    return this.#found;
  }

  of(lines: readonly LogLine[]): readonly LogLine[] {
    const shown: LogLine[] = [];
    /** Parts of a line that is an event perhaps. */
    let parts: LogLine[] = [];
    for (const line of lines) {
      const known = parts.length === 0 ? this.#shown.get(line) : undefined;
      if (known !== undefined) shown.push(...known);
      else if (parts.length === 0 && !mayBegin(line.text)) shown.push(...this.#keep(line));
      else {
        parts.push(line);
        if (!isEnded(line)) continue;
        shown.push(...this.#read(parts));
        parts = [];
      }
    }
    shown.push(...parts);
    return this.#found ? shown : lines;
  }

  #keep(line: LogLine): readonly LogLine[] {
    const own = [line];
    this.#shown.set(line, own);
    return own;
  }

  #read(parts: readonly LogLine[]): readonly LogLine[] {
    const [first, ...others] = parts;
    if (first === undefined) return [];
    const text = parts.map((part) => part.text).join("");
    const stamp = STAMP.exec(text)?.[0] ?? "";
    const event = text.length > MAX_LINE_CHARS ? undefined : parsed(text.slice(stamp.length));
    const said = event === undefined ? undefined : this.#talk.lines(event);
    if (said === undefined) return parts.flatMap((part) => this.#keep(part));
    this.#found = true;
    const own = placed(
      said.map((line) => stamp + line),
      first,
      parts.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    this.#shown.set(first, own);
    for (const other of others) this.#shown.set(other, []);
    return own;
  }
}

/** Each has a place of its own within the line that it comes from: JSON has no fewer bytes than lines. */
function placed(texts: readonly string[], { offset, missing }: LogLine, bytes: number): LogLine[] {
  const shown = texts.length === 0 && missing > 0 ? [""] : texts.slice(0, bytes);
  return shown.map((text, i) => {
    const own = i === shown.length - 1 ? bytes - i : 1;
    return new LogLine({ offset: offset + i, bytes: own, text }, PLAIN, i === 0 ? missing : 0);
  });
}

const mayBegin = (text: string): boolean => text.startsWith('{"') || STAMP.test(text);

/** Of a part, and of the line that is still being written, the newline is not there. */
const isEnded = ({ text, bytes }: LogLine): boolean => encoder.encode(text).byteLength < bytes;

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
