/** [LK5] When to redial: full jitter, 0–5 s first, doubling to 60 s; steady connections reset it. */

export const FIRST_CEILING_MS = 5_000;
export const MAX_CEILING_MS = 60_000;
export const STABLE_AFTER_MS = 30_000;
/** After 1001 and 1012 everybody comes back at once unless told to spread. */
export const SPREAD_MS = 30_000;

/** @param attempt 0 for the first redial. @param random uniform in [0, 1). @param scale tests shorten all times by it. */
export function redialDelayMs(attempt: number, random: number, scale = 1): number {
  const ceiling = Math.min(MAX_CEILING_MS, FIRST_CEILING_MS * 2 ** Math.min(attempt, 10));
  return Math.floor(ceiling * random * scale);
}

export const spreadDelayMs = (random: number, scale = 1): number => Math.floor(SPREAD_MS * random * scale);
