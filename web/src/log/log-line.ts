/** One line that is kept. What it looks like is worked out when it is shown or searched: most lines of a flood never are. */
import { parseLine, penAfter, shownText, type Pen, type Span } from "./ansi.ts";
import type { RawLine } from "./line-splitter.ts";
import { textWidth } from "./text-width.ts";

export class LogLine {
  readonly offset: number;
  readonly bytes: number;
  /** In columns. */
  readonly width: number;
  /** Bytes between the line before and this one that the log does not have [LG2]. */
  readonly missing: number;
  /** For the line after it. */
  readonly penAfter: Pen;
  readonly #raw: string;
  readonly #pen: Pen;
  #spans: readonly Span[] | undefined;

  /** @param pen as the line before left it. */
  constructor(raw: RawLine, pen: Pen, missing: number) {
    this.offset = raw.offset;
    this.bytes = raw.bytes;
    this.missing = missing;
    this.width = textWidth(shownText(raw.text));
    this.penAfter = penAfter(raw.text, pen);
    this.#raw = raw.text;
    this.#pen = pen;
  }

  get spans(): readonly Span[] {
    return (this.#spans ??= parseLine(this.#raw, this.#pen));
  }

  /** Of all spans, to be searched. */
  get text(): string {
    return shownText(this.#raw);
  }
}
