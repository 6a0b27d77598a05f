/** Time as a parameter: waits and intervals use the monotonic clock, so a step of the wall clock moves nothing (F23). */
export type Cancel = () => void;
export interface Clock {
    /** Unix milliseconds; may jump. Only for what others compare with their own calendar. */
    wallMs(): number;
    /** Never goes back. */
    monotonicMs(): number;
    /** Calls once after `ms`; the answer cancels it. Does not keep the process alive by itself. */
    after(ms: number, run: () => void): Cancel;
}
export declare const systemClock: Clock;
export declare const noCancel: Cancel;
/** Resolves after `ms`, or early when aborted. */
export declare function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void>;
