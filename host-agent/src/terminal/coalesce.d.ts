/**
 * [CH3] How live output is cut into frames: a keystroke's echo goes at once, a flood travels in frames that
 * grow. A timer that always holds would cost every echo its delay, so holding begins only after a burst.
 */
/** Length of one window. */
export declare const WINDOW_MS = 4;
/** What may go out in a window before holding begins. */
export declare const BURST_BYTES: number;
export declare const FIRST_TARGET_BYTES: number;
/** A quarter of the link's credit: four frames on their way keep the pipe full, one would stop it at every acknowledgement. */
export declare const MAX_TARGET_BYTES: number;
export interface Pace {
    windowStartMs: number;
    windowBytes: number;
    /** A held frame goes when it is this full. */
    targetBytes: number;
}
export type Verdict = {
    type: "send";
} | {
    type: "hold";
    untilMs: number;
};
export declare const startPace: () => Pace;
/** @param nowMs monotonic. @param pendingBytes > 0. */
export declare function decide(pace: Pace, nowMs: number, pendingBytes: number): Verdict;
/** A full frame doubles the next one's target; a window that ends with less than a burst takes it back. */
export declare function afterSend(pace: Pace, nowMs: number, bytes: number): Pace;
