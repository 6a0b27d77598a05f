/** [VW4] What one object may have on its way to all its viewers together. */
import { RELAY_MEMORY_BYTES } from "@maestro/shared/limits";

export class Memory {
  readonly #limit: number;
  #used = 0;
  readonly #ranShort: () => void;
  #short = false;

  /** @param ranShort somebody was refused, while nobody was waiting yet. */
  constructor(limit = RELAY_MEMORY_BYTES, ranShort: () => void = () => undefined) {
    this.#limit = limit;
    this.#ranShort = ranShort;
  }

  /** Somebody waits for room. */
  get short(): boolean {
    return this.#short;
  }

  get used(): number {
    return this.#used;
  }

  get room(): number {
    return Math.max(0, this.#limit - this.#used);
  }

  move(before: number, after: number): void {
    this.#used += after - before;
  }

  /** Somebody was refused for want of room and has to be asked again when there is some. */
  refused(): void {
    if (this.#short) return;
    this.#short = true;
    this.#ranShort();
  }

  /** True once after a refusal, when a quarter of the room is free again. */
  takeRetry(): boolean {
    if (!this.#short || this.room < this.#limit / 4) return false;
    this.#short = false;
    return true;
  }
}
