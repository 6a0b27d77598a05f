/** Time as a parameter: waits and intervals use the monotonic clock, so a step of the wall clock moves nothing (F23). */

export type Cancel = () => void;

export interface Clock {
  /** Unix milliseconds; may jump. Only for what others compare with their own calendar. */
  wallMs(): number;
  /** Never goes back. */
  monotonicMs(): number;
  /** Calls once after `ms`; the answer cancels it. Whoever waits has to cancel, or the process waits with it. */
  after(ms: number, run: () => void): Cancel;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export const noCancel: Cancel = () => {};

/** Resolves after `ms`, or early when aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}
