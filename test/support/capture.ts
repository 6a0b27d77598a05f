/** Bytes of one stream, hashed as they come: what a viewer really got of what a program wrote. */
import { createHash, type Hash } from "node:crypto";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { Signal, until } from "./wait.ts";

export interface Missing {
  epoch: number;
  from: number;
  to: number;
  /** Whether a `gap` frame announced it; bytes may be missing, but never silently [CH5]. */
  told: boolean;
}

export class Capture {
  readonly start: Cursor;
  readonly missing: Missing[] = [];
  readonly #hash: Hash = createHash("sha256");
  readonly #limit: number;
  readonly #changed = new Signal();
  #cursor: Cursor;
  #digest: string | undefined;
  /** Bytes hashed. */
  bytes = 0;
  /** Bytes that came again and were dropped: replay overlapping what was there. */
  duplicates = 0;

  /** @param limit hashing ends after exactly this many bytes, those that are missing included. */
  constructor(start: Cursor, limit: number) {
    this.start = start;
    this.#cursor = start;
    this.#limit = limit;
  }

  get done(): boolean {
    return this.bytes >= this.#limit;
  }

  get position(): Cursor {
    return this.#cursor;
  }

  /** Of the bytes so far; with `missing` empty it is the sha256 of the program's output from `start`. */
  get sha256(): string {
    return this.#digest ?? this.#hash.copy().digest("hex");
  }

  output(epoch: number, offset: number, payload: Uint8Array): void {
    const step = advance(this.#cursor, { epoch, offset, length: payload.byteLength });
    switch (step.type) {
      case "duplicate":
        this.duplicates += payload.byteLength;
        return;
      case "gap":
        this.#miss({ epoch, from: step.from, to: step.to, told: false });
        return this.output(epoch, offset, payload);
      case "epoch":
        this.#cursor = { epoch, offset };
        return this.output(epoch, offset, payload);
      case "take":
        this.duplicates += step.skip;
        this.#cursor = step.next;
        this.#take(payload.subarray(step.skip), step.next);
    }
  }

  /** The viewer was told that it lost these and shows a screen that contains them. */
  jump(to: Cursor, told: boolean): void {
    if (to.epoch === this.#cursor.epoch && to.offset > this.#cursor.offset)
      this.#miss({ epoch: to.epoch, from: this.#cursor.offset, to: to.offset, told });
    if (to.epoch !== this.#cursor.epoch) this.#cursor = to;
  }

  reaches(bytes: number = this.#limit, timeoutMs = 120_000): Promise<this> {
    return until(`${bytes} bytes captured`, this.#changed.changes, () => (this.bytes >= bytes ? this : undefined), {
      timeoutMs,
      detail: () => `${this.bytes} captured, ${this.duplicates} duplicate, missing ${JSON.stringify(this.missing)}`,
    });
  }

  /** Captured or known to be missing: everything up to this many bytes after `start` is accounted for. */
  accounts(bytes: number = this.#limit, timeoutMs = 60_000): Promise<this> {
    return until(
      `${bytes} bytes accounted for`,
      this.#changed.changes,
      () => (this.#cursor.offset - this.start.offset >= bytes ? this : undefined),
      {
        timeoutMs,
        detail: () => `at ${this.#cursor.offset - this.start.offset}, ${this.bytes} captured, missing ${JSON.stringify(this.missing)}`,
      },
    );
  }

  #miss(missing: Missing): void {
    this.missing.push(missing);
    this.#cursor = { epoch: missing.epoch, offset: missing.to };
    this.#changed.emit();
  }

  #take(payload: Uint8Array, end: Cursor): void {
    // What comes after the limit is not it, also when some of what came before was lost.
    const beyond = end.epoch === this.start.epoch ? Math.max(0, end.offset - this.start.offset - this.#limit) : 0;
    const taken = payload.subarray(0, Math.max(0, Math.min(this.#limit - this.bytes, payload.byteLength - beyond)));
    this.bytes += taken.byteLength;
    this.#hash.update(taken);
    if (this.done) this.#digest ??= this.#hash.copy().digest("hex");
    this.#changed.emit();
  }
}
