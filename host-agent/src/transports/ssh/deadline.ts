/** A wait that ends: by its deadline or by the signal of who waits, whichever comes first. */
import type { Clock } from "../../daemon/clock.ts";

export interface Limits {
  clock: Clock;
  signal: AbortSignal;
}

export type Waited<T> = { type: "done"; value: T } | { type: "deadline" } | { type: "aborted" };

/** What comes after the end of the wait is nobody's; a rejection too. */
export function within<T>(work: Promise<T>, ms: number, { clock, signal }: Limits): Promise<Waited<T>> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void) => {
      cancel();
      signal.removeEventListener("abort", onAbort);
      how();
    };
    const onAbort = () => settle(() => resolve({ type: "aborted" }));
    const cancel = clock.after(ms, () => settle(() => resolve({ type: "deadline" })));
    work.then(
      (value) => settle(() => resolve({ type: "done", value })),
      (cause: unknown) => settle(() => reject(cause instanceof Error ? cause : new Error(String(cause)))),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
