/** [CH3] ≤ 1,000 binary frames a second on one link, all channels together: a token bucket. */

/** With the burst on top, no second sees more than 1,000. */
const REFILL_PER_MS = 0.9;
const BURST_FRAMES = 64;
/** Tokens that floods leave, so that an echo finds one. */
const RESERVED_FRAMES = 16;
/** What waits in a channel that is no flood. */
const LIGHT_BYTES = 4 * 1024;

export interface FrameBudget {
  tokens: number;
  atMs: number;
}

export const fullBudget = (nowMs: number): FrameBudget => ({ tokens: BURST_FRAMES, atMs: nowMs });

export function refill(budget: FrameBudget, nowMs: number): FrameBudget {
  const elapsed = Math.max(0, nowMs - budget.atMs);
  return { tokens: Math.min(BURST_FRAMES, budget.tokens + elapsed * REFILL_PER_MS), atMs: nowMs };
}

export const takeToken = (budget: FrameBudget): FrameBudget => ({ ...budget, tokens: budget.tokens - 1 });

/** When a token will be there for a channel in which so much waits, 0 when one is. */
export function waitMs(budget: FrameBudget, waitingBytes: number): number {
  const needed = waitingBytes <= LIGHT_BYTES ? 1 : 1 + RESERVED_FRAMES;
  return budget.tokens >= needed ? 0 : (needed - budget.tokens) / REFILL_PER_MS;
}
