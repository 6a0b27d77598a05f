/** A bounded number at once; who waits is served in turn between requesters, and in order within each. Waiting is unbounded. */

/** Gives the turn back, once; `lessens`: for good, as one fewer is possible at once than was thought. */
export type GiveBack = (how: "returns" | "lessens") => void;

export class Turns {
  #free: number;
  #size: number;
  /** In the order of their next turn. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(atOnce: number) {
    this.#free = atOnce;
    this.#size = atOnce;
  }

  /** Undefined when aborted before. */
  async take(requester: string, signal: AbortSignal): Promise<GiveBack | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait(requester, signal))) return undefined;
    let held = true;
    return (how) => {
      if (!held) return;
      held = false;
      // The last one stays: somebody has to try.
      if (how === "lessens" && this.#size > 1) this.#size -= 1;
      else this.#give();
    };
  }

  get size(): number {
    return this.#size;
  }

  #wait(requester: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(requester) ?? [];
      const leave = () => {
        queue.splice(queue.indexOf(enter), 1);
        if (queue.length === 0) this.#waiting.delete(requester);
        resolve(false);
      };
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve(true);
      };
      queue.push(enter);
      this.#waiting.set(requester, queue);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Handed over directly, so that nobody slips in between. */
  #give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    const [requester, queue] = next;
    const enter = queue.shift();
    this.#waiting.delete(requester);
    if (queue.length > 0) this.#waiting.set(requester, queue);
    enter?.();
  }
}
