/** Lets one thread of the process stand behind the others. */
import { readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";

/**
 * Linux gives every thread a priority of its own, under its thread id; elsewhere, and where /proc is missing, nothing is done.
 * Call it in the thread itself.
 */
export function yieldToOtherThreads(): void {
  if (process.platform !== "linux") return;
  try {
    const tid = Number(/\/task\/(\d+)$/.exec(readlinkSync("/proc/thread-self"))?.[1]);
    if (tid > 0) setPriority(tid, Math.max(getPriority(tid), constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // It runs as well without.
  }
}
