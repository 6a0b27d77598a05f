/** A clock that tests move by hand. */
import type { Cancel, Clock } from "../clock.ts";

export class VirtualClock implements Clock {
  #nowMs = 0;
  wallOffsetMs = 1_700_000_000_000;
  #timers: { atMs: number; run: () => void }[] = [];

  wallMs(): number {
    return this.#nowMs + this.wallOffsetMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  after(ms: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  /** Runs what falls due on the way, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      this.#timers = this.#timers.filter((other) => other !== due);
      due.run();
    }
    this.#nowMs = untilMs;
  }
}
