/** [CH4] One session's screen: parses its output and can say at any time what a terminal would show. */
import headless from "@xterm/headless";
import { SNAPSHOT_MAX_BYTES } from "@maestro/shared/limits";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { boundRepeats } from "@maestro/shared/repeat-counts";
import { guardErase, guardMarks, isAtRest, parseNow } from "./screen-internals.ts";
import { serializeScreen } from "./screen-serialize.ts";

/** Scrollback a screen keeps; older lines are in the ring, if anywhere. */
export const SCREEN_SCROLLBACK_LINES = 10_000;

export interface ScreenState {
  /** The bytes before this offset made it. */
  offset: number;
  cols: number;
  rows: number;
  lines: number;
  bytes: Uint8Array;
}

const INTRODUCERS = [0x90, 0x98, 0x9b, 0x9d, 0x9e, 0x9f].map((low) => Buffer.from([0xc2, low]));
const ESC = 0x1b;

export class ScreenTerminal {
  readonly #terminal: InstanceType<typeof headless.Terminal>;
  #offset: number;
  /** Where the unfinished escape sequence or character at the end began; undefined at rest. */
  #pendingFrom: number | undefined;

  /** @param onTitle gets titles made safe to show. @param onReply what a terminal would answer to the program here. */
  constructor(cols: number, rows: number, offset: number, onTitle: (title: string) => void, onReply: (reply: string) => void) {
    this.#terminal = new headless.Terminal({ cols, rows, scrollback: SCREEN_SCROLLBACK_LINES, allowProposedApi: true, logLevel: "off" });
    guardErase(this.#terminal);
    boundRepeats(this.#terminal);
    guardMarks(this.#terminal);
    this.#terminal.onTitleChange((title) => onTitle(stripUnsafe(title)));
    this.#terminal.onData(onReply);
    this.#offset = offset;
  }

  /** One past the last byte parsed. */
  get offset(): number {
    return this.#offset;
  }

  write(bytes: Uint8Array): void {
    parseNow(this.#terminal, bytes);
    const start = this.#offset;
    this.#offset += bytes.byteLength;
    if (isAtRest(this.#terminal)) this.#pendingFrom = undefined;
    else this.#pendingFrom = startOfUnfinished(bytes, start) ?? this.#pendingFrom;
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(cols, rows);
  }

  /**
   * Bytes that make an empty terminal of this size show this screen and be in its modes. An unfinished
   * sequence has done nothing yet, so the screen belongs to the offset where it began.
   */
  snapshot(lines: number): ScreenState {
    const { cols, rows } = this.#terminal;
    const available = this.#terminal.buffer.normal.length - rows;
    const wanted = Math.max(0, Math.min(lines, available));
    const { text, lines: contained } = this.#withinLimit(wanted);
    return { offset: this.#pendingFrom ?? this.#offset, cols, rows, lines: contained, bytes: Buffer.from(text) };
  }

  /** Plain text of what is visible, trailing blanks cut. */
  text(): ScreenState {
    const { cols, rows } = this.#terminal;
    const buffer = this.#terminal.buffer.active;
    const visible = Array.from({ length: rows }, (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "");
    while (visible.at(-1) === "") visible.pop();
    return { offset: this.#offset, cols, rows, lines: 0, bytes: Buffer.from(visible.map((line) => `${line}\n`).join("")) };
  }

  dispose(): void {
    this.#terminal.dispose();
  }

  /** Fewer lines rather than more bytes than a snapshot may have. */
  #withinLimit(wanted: number): { text: string; lines: number } {
    for (let lines = wanted; ; lines = Math.floor(lines / 2)) {
      const text = serializeScreen(this.#terminal, lines);
      if (lines === 0 || Buffer.byteLength(text) <= SNAPSHOT_MAX_BYTES) return { text, lines };
    }
  }
}

/** Every introducer cancels what was unfinished before it, so the last one is where the unfinished part began. */
function startOfUnfinished(bytes: Uint8Array, start: number): number | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const introducer = Math.max(buffer.lastIndexOf(ESC), ...INTRODUCERS.map((two) => buffer.lastIndexOf(two)));
  const character = startOfPartialCharacter(buffer);
  const found = Math.max(introducer, character ?? -1);
  return found < 0 ? undefined : start + found;
}

/** Start of a UTF-8 character that the end of the buffer cuts, if it does. */
function startOfPartialCharacter(buffer: Buffer): number | undefined {
  for (let back = 1; back <= Math.min(3, buffer.byteLength); back++) {
    const byte = buffer[buffer.byteLength - back] ?? 0;
    if (byte < 0x80) return undefined;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? buffer.byteLength - back : undefined;
    }
  }
  return undefined;
}
