/** [LG1] [LG2] Where the shipping of one log stands, and what goes next. Pure. */
import { LINK_CREDIT_BYTES, LOG_HEAD_BYTES, LOG_SHIP_BYTES, LOG_TAIL_BYTES, LOG_WHOLE_BYTES } from "@maestro/shared/limits";
import type { Range } from "./redact.ts";

export interface LogLimits {
  whole: number;
  head: number;
  tail: number;
  /** Of what nobody follows. */
  piece: number;
  credit: number;
  frame: number;
}

export const LOG_LIMITS: LogLimits = {
  whole: LOG_WHOLE_BYTES,
  head: LOG_HEAD_BYTES,
  tail: LOG_TAIL_BYTES,
  piece: LOG_SHIP_BYTES,
  credit: LINK_CREDIT_BYTES,
  frame: 128 * 1024,
};

export interface LogCursor {
  /** Everything before it is clean and may leave. */
  clean: number;
  /** The log's length, once the child has ended and all of it is clean. */
  end: number | undefined;
  followed: boolean;
  durable: number;
  sent: number;
  /** What does not go, in order. */
  skips: readonly Range[];
  /** How many of the skips this link was told. */
  told: number;
}

export type LogStep = { type: "nothing" } | { type: "skip"; skip: Range } | { type: "bytes"; from: number; to: number };

export const newCursor: LogCursor = { clean: 0, end: undefined, followed: false, durable: 0, sent: 0, skips: [], told: 0 };

/** @param room what may be on its way beside the credit of this log: that of all logs together. */
export function nextStep(cursor: LogCursor, room: number, limits: LogLimits): LogStep {
  const { sent, durable, skips, told } = cursor;
  const skip = skips[told];
  if (skip !== undefined && sent >= skip.from) return { type: "skip", skip };
  const credit = limits.credit - onItsWay(cursor);
  const until = Math.min(mayGo(cursor, limits), skip?.from ?? Number.POSITIVE_INFINITY);
  const to = Math.min(until, sent + limits.frame, sent + credit, sent + room);
  return to > sent && sent >= durable ? { type: "bytes", from: sent, to } : { type: "nothing" };
}

export function afterStep(cursor: LogCursor, step: LogStep): LogCursor {
  switch (step.type) {
    case "nothing":
      return cursor;
    case "skip":
      return { ...cursor, told: cursor.told + 1, sent: Math.max(cursor.sent, step.skip.to) };
    case "bytes":
      return { ...cursor, sent: step.to };
  }
}

/** Sent and not known to be stored. */
export function onItsWay({ sent, durable, skips }: LogCursor): number {
  const skipped = skips.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, sent) - Math.max(from, durable)), 0);
  return Math.max(0, sent - durable - skipped);
}

export const isShipped = ({ end, durable }: LogCursor): boolean => end !== undefined && durable >= end;

/** A link knows nothing of what went on the one before. */
export const onNewLink = (cursor: LogCursor): LogCursor => ({ ...cursor, sent: cursor.durable, told: 0, followed: false });

export function onDurable(cursor: LogCursor, offset: number): LogCursor {
  const durable = Math.max(cursor.durable, offset);
  return { ...cursor, durable, sent: Math.max(cursor.sent, durable) };
}

/** The edge says where it stands; it may have lost what it had. What is not here yet is not sent again. */
export function onNeed(cursor: LogCursor, from: number): LogCursor {
  if (from > cursor.clean) return cursor;
  return { ...cursor, durable: Math.min(cursor.durable, from), sent: from, told: 0 };
}

export function onEnd(cursor: LogCursor, end: number, { whole, head, tail }: LogLimits): LogCursor {
  const omitted = end > whole ? [{ from: head, to: end - tail }] : [];
  return { ...cursor, clean: end, end, skips: [...omitted, ...cursor.skips].sort((a, b) => a.from - b.from), told: 0 };
}

/** The file has less than it had: what is missing is told, and the rest goes. */
export function onGone(cursor: LogCursor, from: number): LogCursor {
  const to = cursor.end ?? cursor.clean;
  const kept = cursor.skips.filter((skip) => skip.to <= from);
  return { ...cursor, skips: [...kept, { from, to }], told: kept.length };
}

function mayGo({ clean, end, followed }: LogCursor, { whole, piece }: LogLimits): number {
  if (end !== undefined) return end;
  const kept = Math.min(clean, whole);
  return followed ? kept : kept - (kept % piece);
}
