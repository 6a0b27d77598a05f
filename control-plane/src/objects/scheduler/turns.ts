/**
 * What is decided in one turn of the object is written by one commit, and that waits for the disk. So decisions that come
 * close to each other are made in one turn; the first one after a rest is made at once, and so is one that a start waits for,
 * unless others wait as well.
 */
const REST_MS = 5;
/** By then the platform has lost the timer, or is far behind: whoever comes to the object lets go whoever waits. */
const LATE_MS = 50;

export interface TurnsPort {
  nowMs(): number;
  /** Once whatever has arrived by now was heard. */
  soon(act: () => void): void;
}

export class Turns {
  readonly #port: TurnsPort;
  readonly #waiting: (() => void)[] = [];
  #waitingSinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(port: TurnsPort) {
    this.#port = port;
  }

  /** Undefined: now. What follows it must not wait for anything else before it has decided. @param isStart a start waits for it. */
  next(isStart = false): Promise<void> | undefined {
    const nowMs = this.#port.nowMs();
    const rested = Math.abs(nowMs - this.#lastMs) >= REST_MS;
    this.#lastMs = nowMs;
    this.nudge();
    if ((rested || isStart) && this.#waiting.length === 0) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length > 1) return;
      this.#waitingSinceMs = nowMs;
      this.#port.soon(() => this.#go());
    });
  }

  /** No decision depends on a timer alone: whoever only looks lets go those who should have been let go long ago. */
  nudge(): void {
    if (this.#waiting.length > 0 && Math.abs(this.#port.nowMs() - this.#waitingSinceMs) >= LATE_MS) this.#go();
  }

  #go(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
