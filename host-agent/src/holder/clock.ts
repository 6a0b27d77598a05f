/** Time as a parameter: the holder's own, or a test's. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls back once after `ms`; the answer cancels it. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
