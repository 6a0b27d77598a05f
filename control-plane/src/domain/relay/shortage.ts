/**
 * [VW4] Memory ran short: who confirms nothing from then on is ended, and redials when it is awake. Found by looking
 * twice, so that no frame and no acknowledgement costs anything. Need not outlive the object: a new one is owed nothing.
 */
import { VIEWER_STALLED_MS } from "@maestro/shared/limits";
import { owed, type Stream } from "./stream.ts";

export class Shortage<V> {
  readonly #stalledMs: number;
  #first: { dueMs: number; streams: ReadonlyMap<V, Stream> } | undefined;

  constructor(scale = 1) {
    this.#stalledMs = VIEWER_STALLED_MS * scale;
  }

  /** When to look again. */
  get dueMs(): number | undefined {
    return this.#first?.dueMs;
  }

  begins(nowMs: number, streams: Iterable<readonly [V, Stream]>): void {
    this.#first = { dueMs: nowMs + this.#stalledMs, streams: new Map([...streams].filter(([, stream]) => owed(stream) > 0)) };
  }

  /** Those who owe the most first. */
  stalled(nowMs: number, streamOf: (viewer: V) => Stream | undefined): V[] {
    const first = this.#first;
    if (first === undefined || nowMs < first.dueMs) return [];
    this.#first = undefined;
    const debts = [...first.streams].flatMap(([viewer, before]) => {
      const now = streamOf(viewer);
      return now !== undefined && confirmedNothing(before, now) ? [{ viewer, bytes: owed(now) }] : [];
    });
    return debts.sort((a, b) => b.bytes - a.bytes).map(({ viewer }) => viewer);
  }
}

function confirmedNothing(before: Stream, now: Stream): boolean {
  if (now.type !== "following" && now.type !== "starved") return false;
  if (before.type !== "following" && before.type !== "starved") return false;
  if (owed(now) === 0 || now.epoch !== before.epoch || now.acked !== before.acked) return false;
  // A screen that was confirmed is progress.
  return now.screen === before.screen;
}
