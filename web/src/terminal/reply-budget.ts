/** A flood of questions in output must not become a flood of input: answers beyond a rate are not given. */
export const REPLIES_PER_SECOND = 100;

export class ReplyBudget {
  #windowMs = Number.NEGATIVE_INFINITY;
  #given = 0;

  /** @param nowMs any steady clock. */
  take(nowMs: number): boolean {
    if (nowMs - this.#windowMs >= 1_000) {
      this.#windowMs = nowMs;
      this.#given = 0;
    }
    return ++this.#given <= REPLIES_PER_SECOND;
  }
}
