/**
 * [LG4] Blots secrets out of a stream, wherever it is cut, and wherever lines are broken. What could still become a secret
 * is held back: less than the longest form of one, and the breaks in it. The length never changes, so offsets stay those
 * of the file, and lines stay lines.
 */
import { MIN_SECRET_BYTES, secretForms } from "./redact-forms.ts";
import { Patterns } from "./redact-patterns.ts";
import { breaksBefore, isBreak, withoutBreaks } from "./redact-view.ts";

export interface Range {
  from: number;
  to: number;
}

export interface Redacted {
  /** The stream goes on with these, clean. */
  bytes: Uint8Array;
  /** What was blotted out of them, by position in the stream. */
  blots: Range[];
}

const BLOT = "*".charCodeAt(0);
const EMPTY = new Uint8Array(0);

export class Redactor {
  readonly #patterns: Patterns | undefined;
  /** Held back, as it came. */
  #held: Uint8Array = EMPTY;
  /** Position of the first byte that was not given out. */
  #at = 0;
  /** A secret that began before `#at` goes up to here. */
  #blotUpTo = 0;
  /** Breaks right before `#at`. */
  #breaks = 0;

  constructor(secrets: readonly string[]) {
    const forms = secrets
      .flatMap(secretForms)
      .map((form) => withoutBreaks(form, 0).bytes)
      .filter((form) => form.byteLength >= MIN_SECRET_BYTES);
    this.#patterns = forms.length === 0 ? undefined : new Patterns(forms);
  }

  /** @param chunk ours from now on: it may be written into, and what is given out may be a part of it. */
  push(chunk: Uint8Array): Redacted {
    if (this.#patterns === undefined) {
      this.#at += chunk.byteLength;
      return { bytes: chunk, blots: [] };
    }
    const bytes = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return this.#giveOut(this.#patterns, bytes, false);
  }

  /** The stream has ended: what was held back is no secret's beginning any more. */
  flush(): Redacted {
    if (this.#patterns === undefined) return { bytes: EMPTY, blots: [] };
    return this.#giveOut(this.#patterns, this.#held, true);
  }

  #giveOut(patterns: Patterns, bytes: Uint8Array, all: boolean): Redacted {
    const view = withoutBreaks(bytes, this.#breaks);
    const end = all ? bytes.byteLength : (view.at[patterns.openEnd(view.bytes)] ?? bytes.byteLength);
    const found: Range[] = this.#blotUpTo > this.#at ? [{ from: 0, to: this.#blotUpTo - this.#at }] : [];
    // What lies behind `end` is found again, with what follows it.
    patterns.find(view.bytes, (first, last) => {
      const from = view.at[first] ?? end;
      if (from < end) found.push({ from, to: (view.at[last - 1] ?? 0) + 1 });
    });
    this.#held = bytes.slice(end);
    const base = this.#at;
    this.#at += end;
    this.#breaks = breaksBefore(bytes, end, this.#breaks);
    this.#blotUpTo = found.reduce((last, { to }) => Math.max(last, base + to), this.#blotUpTo);
    const given = bytes.subarray(0, end);
    const blots = union(found, end);
    for (const { from, to } of blots) blot(given, from, to);
    return { bytes: given, blots: blots.map(({ from, to }) => ({ from: base + from, to: base + to })) };
  }
}

function blot(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += 1) if (!isBreak(bytes[at])) bytes[at] = BLOT;
}

/** In order, without overlaps, none of it behind `end`. */
function union(ranges: readonly Range[], end: number): Range[] {
  const out: Range[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    const until = Math.min(to, end);
    if (from >= end) break;
    if (last === undefined || from > last.to) out.push({ from, to: until });
    else last.to = Math.max(last.to, until);
  }
  return out;
}
