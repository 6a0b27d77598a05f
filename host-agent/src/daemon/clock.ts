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

/** Below this no deadline is shortened. */
const SHORTENED_AT_LEAST_MS = 5_000;

/** How long an answer of others is waited for: tests shorten waits, but a busy machine needs its seconds all the same. */
export const deadlineMs = (ms: number, timeScale: number): number => Math.max(ms * timeScale, Math.min(ms, SHORTENED_AT_LEAST_MS));

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
