/**
 * [CH3] How live output is cut into frames: a keystroke's echo goes at once, a flood travels in frames that
 * grow. A timer that always holds would cost every echo its delay, so holding begins only after a burst.
 */

/** Length of one window. */
export const WINDOW_MS = 4;
/** The same once a flood has lasted. */
export const FLOOD_WINDOW_MS = 8;
/** What may go out in a window before holding begins. */
export const BURST_BYTES = 4 * 1024;
export const FIRST_TARGET_BYTES = 16 * 1024;
/** Half of the link's credit: two frames on their way keep the pipe full, one would stop it at every acknowledgement. */
export const MAX_TARGET_BYTES = 128 * 1024;

export interface Pace {
  windowStartMs: number;
  windowBytes: number;
  /** A held frame goes when it is this full. */
  targetBytes: number;
}

export type Verdict = { type: "send" } | { type: "hold"; untilMs: number };

export const startPace = (): Pace => ({ windowStartMs: Number.NEGATIVE_INFINITY, windowBytes: 0, targetBytes: FIRST_TARGET_BYTES });

const windowMs = (pace: Pace): number => (pace.targetBytes >= MAX_TARGET_BYTES ? FLOOD_WINDOW_MS : WINDOW_MS);

/** @param nowMs monotonic. @param pendingBytes > 0. */
export function decide(pace: Pace, nowMs: number, pendingBytes: number): Verdict {
  if (nowMs - pace.windowStartMs >= windowMs(pace)) return { type: "send" };
  if (pace.windowBytes < BURST_BYTES) return { type: "send" };
  if (pendingBytes >= pace.targetBytes) return { type: "send" };
  return { type: "hold", untilMs: pace.windowStartMs + windowMs(pace) };
}

/** A full frame doubles the next one's target; a window that ends with less than a burst takes it back. */
export function afterSend(pace: Pace, nowMs: number, bytes: number): Pace {
  const rolled = nowMs - pace.windowStartMs >= windowMs(pace);
  const full = bytes >= pace.targetBytes;
  const calm = rolled && bytes < BURST_BYTES;
  return {
    windowStartMs: rolled ? nowMs : pace.windowStartMs,
    windowBytes: rolled ? bytes : pace.windowBytes + bytes,
    targetBytes: calm ? FIRST_TARGET_BYTES : full ? Math.min(MAX_TARGET_BYTES, pace.targetBytes * 2) : pace.targetBytes,
  };
}
