/**
 * xterm.js repeats some actions as often as output says, up to 2^31 times: one `CSI 2147483647 b` would stop
 * the screens of every session. Counts that no honest program sends are dropped before it sees them.
 */
import type headless from "@xterm/headless";

/** Ten times the most rows or columns a session can have: beyond it nothing more can happen on a screen. */
const MOST_TIMES = 10_000;
/** SU, SD, IL, DL, CHT, CBT, REP. */
const REPEATING = ["S", "T", "L", "M", "I", "Z", "b"] as const;

export function guardCounts({ parser }: Pick<InstanceType<typeof headless.Terminal>, "parser">): void {
  for (const final of REPEATING) parser.registerCsiHandler({ final }, ([count]) => typeof count === "number" && count > MOST_TIMES);
}
