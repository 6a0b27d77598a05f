/** What takes a while to find out and seldom changes: found out anew only when it is so old. */
import type { Clock } from "./clock.ts";

export function kept<T>(find: () => T, forMs: number, clock: Pick<Clock, "monotonicMs">): () => T {
  let known: { value: T; sinceMs: number } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (known === undefined || nowMs - known.sinceMs >= forMs) known = { value: find(), sinceMs: nowMs };
    return known.value;
  };
}
