/** Finds a text in the lines that are here. Pure; remembers what it found in lines that did not change. */
import type { LogLine } from "./log-line.ts";

/** Of one line: where the text stands in its `text`. */
export type Hits = readonly number[];

export interface Found {
  line: number;
  at: number;
}

export class LogSearch {
  readonly #needle: string;
  readonly #known = new WeakMap<LogLine, Hits>();

  constructor(text: string) {
    this.#needle = text.toLowerCase();
  }

  get length(): number {
    return this.#needle.length;
  }

  hits(line: LogLine): Hits {
    const known = this.#known.get(line);
    if (known !== undefined) return known;
    const hits = this.#needle === "" ? [] : positions(line.text.toLowerCase(), this.#needle);
    this.#known.set(line, hits);
    return hits;
  }

  count(lines: readonly LogLine[]): number {
    return this.#needle === "" ? 0 : lines.reduce((sum, line) => sum + this.hits(line).length, 0);
  }

  /** The next one from there, in this direction, around the end. */
  step(lines: readonly LogLine[], from: Found | undefined, direction: 1 | -1): Found | undefined {
    const begin = from?.line ?? (direction === 1 ? 0 : lines.length - 1);
    for (let passed = 0; passed <= lines.length; passed++) {
      const index = (((begin + passed * direction) % lines.length) + lines.length) % lines.length;
      const line = lines[index];
      if (line === undefined) return undefined;
      const hits = this.hits(line);
      const beyond = (at: number): boolean => passed > 0 || from === undefined || (direction === 1 ? at > from.at : at < from.at);
      const at = direction === 1 ? hits.find(beyond) : hits.findLast(beyond);
      if (at !== undefined) return { line: index, at };
    }
    return undefined;
  }

  /** How many stand before this one, plus one. */
  ordinal(lines: readonly LogLine[], found: Found): number {
    const before = this.count(lines.slice(0, found.line));
    const own = lines[found.line];
    return before + 1 + (own === undefined ? 0 : this.hits(own).filter((at) => at < found.at).length);
  }
}

function positions(text: string, needle: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) found.push(at);
  return found;
}
