/** When the console dials again: full jitter under a ceiling that doubles from 250 ms to 15 s. */

export const FIRST_CEILING_MS = 250;
export const MAX_CEILING_MS = 15_000;
/** A connection that lasted this long starts the next series from the beginning. */
export const STABLE_AFTER_MS = 10_000;

/** @param attempt 0 for the first redial. @param random uniform in [0, 1). */
export function consoleDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(MAX_CEILING_MS, FIRST_CEILING_MS * 2 ** Math.min(attempt, 16));
  return Math.floor(ceiling * random);
}

/** The attempt number after a connection that was open for `openMs` (0: never opened). */
export function nextAttempt(attempt: number, openMs: number): number {
  return openMs >= STABLE_AFTER_MS ? 0 : attempt + 1;
}
