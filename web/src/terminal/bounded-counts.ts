/**
 * xterm.js 6 repeats some actions as often as output says, up to 2^31 times (`CSI 2147483647 S`), which
 * freezes the page, or allocates for it (`CSI 2147483647 b`), which throws in its parser. Counts no honest
 * program sends are dropped before it sees them.
 */
import type { IParser } from "@xterm/xterm";

/** Ten times the most rows or columns a session can have: beyond it nothing more can happen on a screen. */
const MOST_TIMES = 10_000;
/** SU, SD, IL, DL, CHT, CBT, REP. */
const REPEATING = ["S", "T", "L", "M", "I", "Z", "b"] as const;

export function boundCounts(parser: IParser): void {
  for (const final of REPEATING) parser.registerCsiHandler({ final }, (params) => tooOften(params));
}

const tooOften = (params: readonly (number | number[])[]): boolean => typeof params[0] === "number" && params[0] > MOST_TIMES;
