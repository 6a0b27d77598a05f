/**
 * Whoever types has the right of way. A flood takes every core of a small machine, and each hop of a keystroke
 * then waits for its turn; while keys go to one session, the floods of the others share a rate that leaves room.
 */

/** After a key; longer than the pause between two words. */
const TYPING_MS = 1_000;
/** Together; far more than anybody reads. */
const SHARED_BYTES_PER_MS = 8 * 1024;
/** Less in one read is no flood. */
const FLOOD_READ_BYTES = 4 * 1024;

interface Typed {
  session: string;
  atMs: number;
}

export class RightOfWay {
  /** The newest key, and the newest one of any other session. */
  #newest: Typed | undefined;
  #other: Typed | undefined;
  /** When all that was read so far is paid for. */
  #paidMs = 0;

  typed(session: string, nowMs: number): void {
    if (this.#newest !== undefined && this.#newest.session !== session) this.#other = this.#newest;
    this.#newest = { session, atMs: nowMs };
  }

  /** Until when a session that gave `bytes` now must not be read; `nowMs` when it may go on. */
  yieldUntilMs(session: string, bytes: number, nowMs: number): number {
    const rival = this.#newest?.session === session ? this.#other : this.#newest;
    if (bytes < FLOOD_READ_BYTES || rival === undefined || nowMs - rival.atMs >= TYPING_MS) return nowMs;
    this.#paidMs = Math.max(this.#paidMs, nowMs) + bytes / SHARED_BYTES_PER_MS;
    // What was read is charged for no longer than the right lasts that it is charged for.
    this.#paidMs = Math.min(this.#paidMs, rival.atMs + TYPING_MS);
    return this.#paidMs;
  }
}
