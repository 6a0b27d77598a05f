/** A log made safe to read: lines of text, with colours where they are wanted. Nothing of it acts on a terminal. */
import { isSafeText, stripUnsafe } from "@maestro/shared/sanitize";
import { OutputFilter } from "../attach/filter.ts";

/** The terminal's filter lets whole sequences through only: this finds each, and the single controls. */
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]P][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])/g;
const COLOUR = /^\u001b\[[\d;:]*m$/;
/** What stands between texts, and stays as it is. */
const KEPT = /(\u001b\[[\d;:]*m|[\t\n])/;
const KEPT_ALL = new RegExp(KEPT, "g");
const RESET = "\u001b[0m";

export class LogFilter {
  readonly #terminal = new OutputFilter();
  readonly #colours: boolean;
  #coloured = false;
  /** A carriage return whose line feed may still come. */
  #returned = false;

  constructor({ colours }: { colours: boolean }) {
    this.#colours = colours;
  }

  write(bytes: Uint8Array): string {
    const drawn = this.#terminal
      .write(bytes)
      .replace(SEQUENCE, (sequence) => (this.#colours && COLOUR.test(sequence) ? this.#colour(sequence) : ""));
    const text = this.#lines(drawn);
    // Nearly all of every log: looked at whole, it costs a tenth of looking at each line.
    if (isSafeText(text.replace(KEPT_ALL, ""))) return text;
    return text
      .split(KEPT)
      .map((part, i) => (i % 2 === 1 ? part : stripUnsafe(part, Number.POSITIVE_INFINITY)))
      .join("");
  }

  /** The terminal's own colours again. */
  end(): string {
    return this.#coloured ? RESET : "";
  }

  #colour(sequence: string): string {
    this.#coloured = true;
    return sequence;
  }

  /** A line that was written over becomes lines: what was there stays to be seen. */
  #lines(text: string): string {
    if (text === "") return "";
    const whole = this.#returned ? `\r${text}` : text;
    this.#returned = whole.endsWith("\r");
    return whole.replace(/\r+$/, "").replace(/\r+\n?/g, "\n");
  }
}

/** All of a text that is there already. */
export function readableText(text: string, colours = false): string {
  const filter = new LogFilter({ colours });
  return filter.write(new TextEncoder().encode(text)) + filter.end();
}
