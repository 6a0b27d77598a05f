/** [LG1] [LG2] Where the bytes of a log go, and which of them stay: offsets only, no bytes. */
import type { LogLimits } from "./log-limits.ts";

/** One stored piece; pieces are in order and do not overlap. */
export interface Piece {
  at: number;
  bytes: number;
}

export interface Range {
  from: number;
  to: number;
}

export type Taken =
  /** The bytes before `skip`, and those from `end` on, are dropped: they are here, or past the log's end. */
  { type: "take"; skip: number; end: number } | { type: "drop" } | { type: "need"; from: number };

/**
 * What becomes of bytes that come.
 *
 * @param next the offset that is wanted.
 * @param endAt how long the log is, once that is known.
 */
export function taken(next: number, endAt: number | undefined, offset: number, bytes: number): Taken {
  if (offset > next) return { type: "need", from: next };
  const end = Math.min(offset + bytes, endAt ?? Infinity);
  return end <= next ? { type: "drop" } : { type: "take", skip: next - offset, end: end - offset };
}

/** How new bytes are cut into rows. `extends`: the first of them is written together with the last piece there is. */
export interface Cut {
  extends: boolean;
  sizes: number[];
}

/** No piece reaches over the end of the head, so that what is dropped later is whole pieces. */
export function cut(last: Piece | undefined, next: number, bytes: number, limits: LogLimits): Cut {
  const sizes: number[] = [];
  const joins = last !== undefined && last.at + last.bytes === next && last.bytes < limits.smallBytes && next !== limits.headBytes;
  let room = joins ? limits.chunkBytes - last.bytes : limits.chunkBytes;
  let at = next;
  for (let left = bytes; left > 0;) {
    const size = Math.min(left, room, at < limits.headBytes ? limits.headBytes - at : left);
    sizes.push(size);
    at += size;
    left -= size;
    room = limits.chunkBytes;
  }
  return { extends: joins && sizes.length > 0, sizes };
}

/** [LG2] Pieces that a log of this length does not keep. */
export function surplus(pieces: readonly Piece[], total: number, limits: LogLimits): Piece[] {
  if (total <= limits.wholeBytes) return [];
  const tailFrom = total - limits.tailBytes;
  return pieces.filter(({ at, bytes }) => at >= limits.headBytes && at + bytes <= tailFrom);
}

/** [LG2] Once the length is final: the piece in which the kept end begins, and how many of its bytes go. */
export function trimmed(pieces: readonly Piece[], total: number, limits: LogLimits): { piece: Piece; drop: number } | undefined {
  if (total <= limits.wholeBytes) return undefined;
  const tailFrom = total - limits.tailBytes;
  const piece = pieces.find(({ at, bytes }) => at >= limits.headBytes && at < tailFrom && at + bytes > tailFrom);
  return piece === undefined ? undefined : { piece, drop: tailFrom - piece.at };
}

/** What lies between the kept beginning and the kept end. @param next after the last byte that is here or was left out. */
export function omittedOf(pieces: readonly Piece[], next: number): Range | undefined {
  let end = 0;
  for (const { at, bytes } of pieces) {
    if (at > end) return { from: end, to: at };
    end = at + bytes;
  }
  return next > end ? { from: end, to: next } : undefined;
}

/** The piece that has this byte, or the first one after it. */
export function pieceAt(pieces: readonly Piece[], offset: number): Piece | undefined {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const piece = pieces[middle];
    if (piece !== undefined && piece.at + piece.bytes <= offset) low = middle + 1;
    else high = middle;
  }
  return pieces[low];
}
