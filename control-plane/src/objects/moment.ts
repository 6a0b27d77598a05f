/**
 * The one timer of an object: for a moment, in which what comes meanwhile can be done together. One that was just asked
 * something does not hibernate in it anyway, and should the object go none the less, its rows say what was left to do.
 */
export type MomentMs = 0 | 50;

/** @param ms 0: once whatever has arrived by now was heard. */
export function inAMoment(act: () => void, ms: MomentMs): void {
  setTimeout(act, ms);
}
