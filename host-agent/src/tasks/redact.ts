/**
 * [LG4] Blots secrets out of a stream, wherever it is cut. What could still become a secret is held back, at most one
 * byte less than the longest form of one; the length never changes, so offsets stay those of the file.
 */
import { Patterns } from "./redact-patterns.ts";
import { secretForms } from "./redact-forms.ts";

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

  constructor(secrets: readonly string[]) {
    const forms = secrets.flatMap(secretForms);
    this.#patterns = forms.length === 0 ? undefined : new Patterns(forms);
  }

  /** @param chunk ours from now on: it may be written into, and what is given out may be a part of it. */
  push(chunk: Uint8Array): Redacted {
    if (this.#patterns === undefined) {
      this.#at += chunk.byteLength;
      return { bytes: chunk, blots: [] };
    }
    const bytes = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = this.#patterns.openEnd(bytes);
    return this.#giveOut(this.#patterns, bytes, end);
  }

  /** The stream has ended: what was held back is no secret's beginning any more. */
  flush(): Redacted {
    if (this.#patterns === undefined) return { bytes: EMPTY, blots: [] };
    return this.#giveOut(this.#patterns, this.#held, this.#held.byteLength);
  }

  #giveOut(patterns: Patterns, bytes: Uint8Array, end: number): Redacted {
    const found: Range[] = this.#blotUpTo > this.#at ? [{ from: 0, to: this.#blotUpTo - this.#at }] : [];
    // What lies behind `end` is found again, with what follows it.
    patterns.find(bytes, (from, to) => {
      if (from < end) found.push({ from, to });
    });
    this.#held = bytes.slice(end);
    const base = this.#at;
    this.#at += end;
    this.#blotUpTo = found.reduce((last, { to }) => Math.max(last, base + to), this.#blotUpTo);
    const given = bytes.subarray(0, end);
    const blots = union(found, end);
    for (const { from, to } of blots) given.fill(BLOT, from, to);
    return { bytes: given, blots: blots.map(({ from, to }) => ({ from: base + from, to: base + to })) };
  }
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
