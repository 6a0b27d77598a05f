/** A log as a person reads it where an agent's CLI wrote events into it: those become lines, the rest stays byte for byte. */
import { anyTalk, type Talk } from "@maestro/shared/talk/talk";
import { parseObject } from "../../adapters/headless/output.ts";
import { stampOf } from "../../tasks/trace.ts";

/** A longer line is no event, and is not held back. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const NEWLINE = 0x0a;
const OPENING = Buffer.from('{"');
/** Every event has one; a service's own JSON is passed over without a closer look. */
const TYPE = Buffer.from('"type"');
/** How a stamped line begins. */
const STAMPED = Buffer.from("TRACE: [");

export class TalkFilter {
  readonly #talk: Talk = anyTalk();
  /** Of a line that may be an event. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Within a line that is none. */
  #passing = false;

  write(bytes: Uint8Array): Buffer {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out: Buffer[] = [];
    let at = 0;
    while (at < all.byteLength) {
      if (this.#passing || this.#heldBytes > 0) at = this.#goOn(all, at, out);
      else {
        const begin = nextEvent(all, at);
        out.push(all.subarray(at, begin));
        at = begin;
        if (begin < all.byteLength) at = this.#goOn(all, begin, out);
        else this.#passing = all[begin - 1] !== NEWLINE;
      }
    }
    return out.length === 1 ? (out[0] ?? Buffer.alloc(0)) : Buffer.concat(out);
  }

  end(): Buffer {
    const held = this.#line();
    return Buffer.concat([...(held.byteLength === 0 ? [] : [this.#shown(held)]), asLines(this.#talk.rest(), "")]);
  }

  /** The line up to its end, or what of it is there. */
  #goOn(all: Buffer, from: number, out: Buffer[]): number {
    const newline = all.indexOf(NEWLINE, from);
    const end = newline === -1 ? all.byteLength : newline + 1;
    const part = all.subarray(from, end);
    if (this.#passing) {
      out.push(part);
      this.#passing = newline === -1;
      return end;
    }
    if (newline !== -1 && this.#heldBytes === 0) {
      out.push(this.#shown(part));
      return end;
    }
    this.#held.push(Buffer.from(part));
    this.#heldBytes += part.byteLength;
    if (newline !== -1) out.push(this.#shown(this.#line()));
    else if (this.#heldBytes > MAX_LINE_BYTES) {
      out.push(this.#line());
      this.#passing = true;
    }
    return end;
  }

  #line(): Buffer {
    const line = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return line;
  }

  #shown(line: Buffer): Buffer {
    if (!line.includes(TYPE)) return line;
    const text = line.toString("utf8");
    const stamp = stampOf(text);
    const event = parseObject(text.slice(stamp.length));
    const lines = event === undefined ? undefined : this.#talk.lines(event);
    return lines === undefined ? line : asLines(lines, stamp);
  }
}

/** Where the next line begins that may be an event; the end where none does. */
function nextEvent(all: Buffer, from: number): number {
  for (let at = from; at < all.byteLength;) {
    const found = all.indexOf(OPENING, at);
    const begin = found === -1 ? all.lastIndexOf(NEWLINE) + 1 : Math.max(from, all.lastIndexOf(NEWLINE, found) + 1);
    const rest = all.subarray(Math.max(from, begin), Math.max(from, begin) + STAMPED.byteLength);
    if (begins(rest, OPENING) || begins(rest, STAMPED)) return Math.max(from, begin);
    if (found === -1) return all.byteLength;
    const newline = all.indexOf(NEWLINE, found);
    if (newline === -1) return all.byteLength;
    at = newline + 1;
  }
  return all.byteLength;
}

/** As far as it is there. */
function begins(rest: Buffer, opening: Buffer): boolean {
  const length = Math.min(rest.byteLength, opening.byteLength);
  return length > 0 && rest.subarray(0, length).equals(opening.subarray(0, length));
}

const asLines = (lines: readonly string[], stamp: string): Buffer => Buffer.from(lines.map((line) => `${stamp}${line}\n`).join(""));

/** All of a text that is there already. */
export function withoutEvents(bytes: Uint8Array): Buffer {
  const filter = new TalkFilter();
  return Buffer.concat([filter.write(bytes), filter.end()]);
}
