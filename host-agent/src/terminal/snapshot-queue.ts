/** Screens a channel was asked for: one at a time, so that no number of viewers makes the host keep many in memory. */

export interface SnapshotWish {
  lines: number;
  viewer: string | undefined;
}

/** As many viewers as a session may have; more wishes than that repeat each other. */
const MAX_WISHES = 101;

export class SnapshotQueue {
  #wishes: SnapshotWish[] = [];
  #state: "free" | "asked" | "sending" = "free";

  /** A repeated wish is the same wish. */
  add(wish: SnapshotWish): void {
    const same = this.#wishes.some((other) => other.viewer === wish.viewer && other.lines === wish.lines);
    if (!same && this.#wishes.length < MAX_WISHES) this.#wishes.push(wish);
  }

  /** The wish to ask the holder for now, if any. */
  start(): SnapshotWish | undefined {
    if (this.#state !== "free") return undefined;
    const wish = this.#wishes.shift();
    if (wish !== undefined) this.#state = "asked";
    return wish;
  }

  /** The holder answered; the screen waits in the channel. */
  arrived(): void {
    if (this.#state === "asked") this.#state = "sending";
  }

  /** True when the channel's queue has run down far enough for the next one. */
  drained(queuedBytes: number): boolean {
    if (this.#state !== "sending" || queuedBytes > 0) return false;
    this.#state = "free";
    return this.#wishes.length > 0;
  }

  /** The holder could not. */
  failed(): void {
    this.#state = "free";
  }

  clear(): void {
    this.#wishes = [];
    this.#state = "free";
  }
}
