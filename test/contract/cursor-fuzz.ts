/**
 * A stream delivered in pieces that repeat, overlap, come late or go missing must be assembled without a byte
 * lost or doubled, as long as gaps are asked for again. Runs over an implementation, so that a faulty one fails.
 */
import type { Advance, Cursor, Span } from "../../shared/src/protocol/cursor.ts";
import type { Random } from "../support/random.ts";

export type AdvanceRule = (cursor: Cursor, span: Span) => Advance;

export function fuzzCursor(advance: AdvanceRule, random: Random, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const place = `seed ${random.seed}, round ${round}`;
    const epoch = random.int(0, 65_535);
    const stream = Uint8Array.from({ length: random.int(0, 400) }, () => random.int(0, 255));
    const start = random.int(0, stream.length);
    assemble(advance, { epoch, offset: start }, stream, random, place);
    const other = advance({ epoch, offset: start }, { epoch: (epoch + 1) % 65_536, offset: start, length: 5 });
    if (other.type !== "epoch") throw new Error(`bytes of another epoch were ${other.type}: ${place}`);
  }
}

function assemble(advance: AdvanceRule, from: Cursor, stream: Uint8Array, random: Random, place: string): void {
  let cursor = from;
  const taken: number[] = [];
  const again: Span[] = [];
  for (let steps = 0; cursor.offset < stream.length; steps++) {
    if (steps > 20_000) throw new Error(`never reached the end: ${place}`);
    const span = again.pop() ?? randomSpan(cursor, stream.length, random);
    const verdict = advance(cursor, span);
    switch (verdict.type) {
      case "duplicate":
        if (span.offset + span.length > cursor.offset) throw new Error(`new bytes dropped at ${cursor.offset}: ${place}`);
        break;
      case "take": {
        const bytes = stream.subarray(span.offset + verdict.skip, span.offset + span.length);
        taken.push(...bytes);
        cursor = verdict.next;
        break;
      }
      case "gap":
        if (verdict.from !== cursor.offset || verdict.to !== span.offset)
          throw new Error(`gap ${verdict.from}–${verdict.to} at ${cursor.offset}: ${place}`);
        // Sometimes the missing stretch is asked for, sometimes the stream simply comes again.
        if (random.next() < 0.7) again.push({ epoch: cursor.epoch, offset: verdict.from, length: verdict.to - verdict.from });
        break;
      case "epoch":
        throw new Error(`epoch changed within one epoch: ${place}`);
    }
    if (cursor.offset - from.offset !== taken.length) throw new Error(`cursor at ${cursor.offset}, ${taken.length} bytes taken: ${place}`);
  }
  const wanted = stream.subarray(from.offset);
  if (taken.length !== wanted.length || taken.some((byte, index) => byte !== wanted[index]))
    throw new Error(`assembled something else: ${place}`);
}

/** Around the cursor: wholly before it, across it, at it, beyond it; empty ones too. */
function randomSpan(cursor: Cursor, end: number, random: Random): Span {
  const offset = Math.max(0, Math.min(end, cursor.offset + random.int(-40, 20)));
  return { epoch: cursor.epoch, offset, length: Math.min(random.int(0, 60), end - offset) };
}
