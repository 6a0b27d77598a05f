/**
 * [CH1] Positions in a numbered byte stream. One rule serves live output, replay and resume: what lies
 * before the cursor is dropped, what continues it is taken, what lies beyond it is a gap.
 */

export interface Cursor {
  epoch: number;
  /** The next byte wanted. */
  offset: number;
}

export interface Span {
  epoch: number;
  offset: number;
  length: number;
}

export type Advance =
  /** Nothing new: wholly before the cursor. */
  | { type: "duplicate" }
  /** Bytes from `skip` on are new; the cursor moves to `next`. */
  | { type: "take"; skip: number; next: Cursor }
  /** Bytes `from`..`to` of the cursor's epoch are missing. */
  | { type: "gap"; from: number; to: number }
  /** Numbering restarted. */
  | { type: "epoch"; epoch: number };

export function advance(cursor: Cursor, span: Span): Advance {
  if (span.epoch !== cursor.epoch) return { type: "epoch", epoch: span.epoch };
  const end = span.offset + span.length;
  if (span.offset > cursor.offset) return { type: "gap", from: cursor.offset, to: span.offset };
  if (end <= cursor.offset) return { type: "duplicate" };
  return { type: "take", skip: cursor.offset - span.offset, next: { epoch: cursor.epoch, offset: end } };
}
