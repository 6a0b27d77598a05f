/** Time as a parameter: the holder's own, or a test's. */
export interface Clock {
  /** Unix milliseconds; may jump. */
  now(): number;
  /** Never goes back: what is waited for is measured by it (F23). */
  monotonicMs(): number;
  /** Calls back once after `ms`; the answer cancels it. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
