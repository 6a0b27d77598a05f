/**
 * [LG4] Blots out what looks like a secret, for logs of which nobody knows any more what is one: tokens that tell their kind by
 * how they begin, and private keys. The length never changes. Bounded: of a token only its beginning is held back.
 */
import type { Redacted, Range } from "./redact.ts";

/** As they begin: GitHub, GitLab, OpenAI and Anthropic, Slack, AWS, Google, Hugging Face, ours, and JSON web tokens. */
const BEGINNINGS = ["gh[pousr]_", "github_pat_", "glpat-", "sk-", "xox[abprs]-", "A[KS]IA", "AIza", "hf_", "mst_[a-z]{3}_", "eyJ"].join(
  "|",
);
const MIN_REST = 12;
/** npm's begin as its variables do (`npm_config_registry`), and are told from them by what follows. */
const NPM = "npm_[A-Za-z0-9]{36}[A-Za-z0-9_.-]*";
/** The longest that may be needed to know: npm's. */
const MAX_UNDECIDED = 4 + 36;
const PART_OF_TOKEN = /^[A-Za-z0-9_.-]*/;
const UNDECIDED = new RegExp(`[A-Za-z0-9_.-]{1,${MAX_UNDECIDED}}$`);

/** Where a private key begins, or a token: in one pass, however many there are. */
const FOUND = new RegExp(
  `(?<key>-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----)|(?<![A-Za-z0-9])(?:(?:${BEGINNINGS})[A-Za-z0-9_.-]{${MIN_REST},}|${NPM})`,
  "g",
);
const KEY_ENDS = /-----END [A-Z ]{0,24}PRIVATE KEY-----/;
/** Longer than either line. */
const MARKER = 64;
const MAYBE_MARKER = new RegExp(`-[A-Z -]{0,${MARKER}}$`);
/** What begins as a key and has no end is none. */
const MAX_KEY = 16 * 1024;

const BLOT = "*".charCodeAt(0);
const LINE_BREAKS = new Set([10, 13]);

type Within = { type: "text" } | { type: "token" } | { type: "key"; left: number };

export class Shapes {
  #held: Uint8Array = new Uint8Array(0);
  /** Position of the first byte that was not given out, and the byte before it. */
  #at = 0;
  #before = "";
  #within: Within = { type: "text" };
  /** What was blotted out before it came here. */
  #blots: Range[] = [];

  /** @param all nothing follows. */
  push({ bytes: more, blots }: Redacted, all = false): Redacted {
    this.#blots.push(...blots);
    const bytes = Buffer.concat([this.#held, more]);
    const text = bytes.toString("latin1");
    const shown = this.#before + text;
    const found: Range[] = [];
    let at = this.#goOn(text, found, all);
    while (this.#within.type === "text" && at < text.length) {
      const next = nextIn(shown, this.#before.length, at);
      if (next === undefined) break;
      found.push({ from: next.from, to: next.to });
      this.#within = next.within;
      at = next.to;
      if (next.within.type === "key") at = this.#goOn(text, found, all, at);
    }
    const end = all ? text.length : this.#within.type === "text" ? Math.max(at, undecidedFrom(text)) : at;
    return this.#giveOut(bytes, end, found);
  }

  /** What began before goes on up to here. */
  #goOn(text: string, found: Range[], all: boolean, from = 0): number {
    const within = this.#within;
    switch (within.type) {
      case "text":
        return from;
      case "token": {
        const to = from + (PART_OF_TOKEN.exec(text.slice(from))?.[0].length ?? 0);
        if (to > from) found.push({ from, to });
        if (to < text.length) this.#within = { type: "text" };
        return to;
      }
      case "key": {
        const ends = KEY_ENDS.exec(text.slice(from, from + within.left + MARKER));
        // The line that ends it may have come in part.
        const sure = all ? text.length : Math.max(from, text.length - MARKER);
        const to = ends === null ? Math.min(sure, from + within.left) : from + ends.index + ends[0].length;
        if (to > from) found.push({ from, to });
        const left = within.left - (to - from);
        this.#within = ends !== null || left <= 0 ? { type: "text" } : { type: "key", left };
        return to;
      }
    }
  }

  #giveOut(bytes: Buffer, end: number, found: readonly Range[]): Redacted {
    const given = bytes.subarray(0, end);
    for (const { from, to } of found) for (let at = from; at < to; at += 1) if (!LINE_BREAKS.has(given[at] ?? 0)) given[at] = BLOT;
    const base = this.#at;
    const until = base + end;
    this.#held = bytes.subarray(end);
    this.#at = until;
    this.#before = end > 0 ? String.fromCharCode(given[end - 1] ?? 0) : this.#before;
    const here = this.#blots.filter(({ from }) => from < until).map(({ from, to }) => ({ from, to: Math.min(to, until) }));
    this.#blots = this.#blots.flatMap(({ from, to }) => (to <= until ? [] : [{ from: Math.max(from, until), to }]));
    const blots = [...here, ...found.map(({ from, to }) => ({ from: base + from, to: base + to }))];
    return { bytes: given, blots };
  }
}

/** @param shift what `shown` has before the text. */
function nextIn(shown: string, shift: number, at: number): { from: number; to: number; within: Within } | undefined {
  FOUND.lastIndex = at + shift;
  const match = FOUND.exec(shown);
  if (match === null) return undefined;
  const from = match.index - shift;
  const to = from + match[0].length;
  if (match.groups?.["key"] !== undefined) return { from, to, within: { type: "key", left: MAX_KEY } };
  return { from, to, within: to === shown.length - shift ? { type: "token" } : { type: "text" } };
}

/** Where a token or the line before a key may have begun. */
function undecidedFrom(text: string): number {
  const token = UNDECIDED.exec(text)?.index ?? text.length;
  const marker = MAYBE_MARKER.exec(text.slice(-MARKER))?.index;
  return Math.min(token, marker === undefined ? text.length : Math.max(0, text.length - MARKER) + marker);
}
