/** [LK1] How long a nonce is remembered, and how many: what is outside the clock window is refused by time alone. */
import { CLOCK_WINDOW_MS } from "@maestro/shared/limits";

/** A host redials at most every few hundred milliseconds; this many in one window is a machine gone mad. */
export const MAX_NONCES = 10_000;

/** @param timeMs as the host signed it; it may run ahead of us by the window. */
export const nonceExpiryMs = (timeMs: number, nowMs: number): number => Math.max(timeMs, nowMs) + CLOCK_WINDOW_MS;
