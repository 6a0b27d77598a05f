/** [CH3] ≤ 1,000 binary frames a second on one link, all channels together: a token bucket. */

/** With the burst on top, no second sees more than 1,000. */
const REFILL_PER_MS = 0.9;
const BURST_FRAMES = 64;

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

/** When a token will be there, 0 when one is. */
export const waitMs = (budget: FrameBudget): number => (budget.tokens >= 1 ? 0 : (1 - budget.tokens) / REFILL_PER_MS);
