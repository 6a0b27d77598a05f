/** A line's spans cut where something was found in it. Pure. */
import type { Pen, Span } from "./ansi.ts";
import type { Hits } from "./log-search.ts";

export interface Piece {
  text: string;
  pen: Pen;
  /** Where in the line the hit begins that this is a part of. */
  hit: number | undefined;
}

/** @param length of each hit. */
export function piecesOf(spans: readonly Span[], hits: Hits, length: number): Piece[] {
  if (hits.length === 0) return spans.map(({ text, pen }) => ({ text, pen, hit: undefined }));
  const pieces: Piece[] = [];
  let begin = 0;
  let next = 0;
  for (const { text, pen } of spans) {
    let from = 0;
    while (from < text.length) {
      const at = begin + from;
      while ((hits[next] ?? Infinity) + length <= at) next++;
      const hit = hits[next] ?? Infinity;
      const inside = hit <= at;
      const until = Math.min(text.length, (inside ? hit + length : hit) - begin);
      pieces.push({ text: text.slice(from, until), pen, hit: inside ? hit : undefined });
      from = until;
    }
    begin += text.length;
  }
  return pieces;
}
