/** [CH5] Whether a PTY's program may run on. Pure: time comes in, a decision goes out. */

const KiB = 1024;
/** A watcher or the parser this far behind holds the program. */
export const PAUSE_ABOVE_BYTES = 256 * KiB;
/** The parser must have come this near before the program goes on: no switching at every chunk. */
export const RESUME_BELOW_BYTES = 128 * KiB;

export interface WatcherFlow {
  /** Bytes there are and were not sent to it, for want of credit or because it does not read. */
  unsent: number;
  /** When it last took bytes or granted more. */
  progressMs: number;
  /** How long it may hold the program without progress. */
  holdMs: number;
}

export interface FlowInput {
  nowMs: number;
  paused: boolean;
  /** Bytes the screen's parser is behind. */
  parserLag: number;
  /** Somebody types elsewhere: not before. */
  yieldUntilMs: number;
  watchers: readonly WatcherFlow[];
}

export type FlowDecision =
  | { type: "run" }
  | { type: "pause"; /** When to decide again, if nothing happens before. */ untilMs: number | undefined };

/**
 * The parser always comes after, so it may hold without limit. Watchers may hold only together (the
 * program runs at the fastest one's speed) and only while one of them makes progress within its hold.
 */
export function decideFlow({ nowMs, paused, parserLag, yieldUntilMs, watchers }: FlowInput): FlowDecision {
  if (parserLag > (paused ? RESUME_BELOW_BYTES : PAUSE_ABOVE_BYTES)) return { type: "pause", untilMs: undefined };
  if (nowMs < yieldUntilMs) return { type: "pause", untilMs: yieldUntilMs };
  if (watchers.length === 0 || watchers.some((watcher) => watcher.unsent <= PAUSE_ABOVE_BYTES)) return { type: "run" };
  const untilMs = Math.max(...watchers.map((watcher) => watcher.progressMs + watcher.holdMs));
  return nowMs < untilMs ? { type: "pause", untilMs } : { type: "run" };
}
