/** Asked for one place only, the queue answers as if everybody in it had been looked at. */
import { expect, test } from "vitest";
import { FairQueue, PATIENCE_MS, type QueueItem } from "./fair-queue.ts";

const fits = ({ place }: QueueItem, at: string): boolean => place === undefined || place === at;

test("who may name a place is found among all others in the same order, and nobody else is looked at", () => {
  // A generator of its own: the same run every time.
  let seed = 1;
  const below = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
  const queue = new FairQueue<QueueItem>();
  const waiting = new Set<QueueItem>();
  for (let nowMs = 0; nowMs < 4_000; nowMs++) {
    if (below(5) < 3) {
      const place = [undefined, "a", "b", "c"][below(4)];
      const sinceMs = nowMs - below(2) * below(2 * PATIENCE_MS);
      const item = { priority: 1 + below(3), sinceMs, credential: `c${below(3)}`, lane: `l${below(2)}`, place };
      queue.add(item);
      waiting.add(item);
    }
    const at = ["a", "b", "c"][below(3)] ?? "";
    const looked: QueueItem[] = [];
    const next = queue.next((item) => looked.push(item) > 0, nowMs, [at]);
    expect(next).toBe(queue.next((item) => fits(item, at), nowMs));
    expect(looked.every((item) => fits(item, at))).toBe(true);
    if (next === undefined || below(3) > 0) continue;
    queue.served(next);
    expect(queue.remove(next)).toBe(true);
    waiting.delete(next);
    expect(queue.remove(next)).toBe(false);
  }
  expect(queue.size).toBe(waiting.size);
  expect(waiting.size).toBeGreaterThan(100);
});
