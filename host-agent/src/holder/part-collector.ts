/** Puts together what travels in parts: snapshots and screens. One at a time, as the holder sends them. */
import type { ScreenCopy } from "./types.ts";

export class PartCollector {
  readonly #waiting = new Map<number, (copy: ScreenCopy) => void>();
  #open: { bytes: Uint8Array; filled: number; done: (bytes: Uint8Array) => void } | undefined;

  /** @param bytes how many follow, at most what a snapshot may have (checked with the head). */
  begin(bytes: number, done: (bytes: Uint8Array) => void): void {
    if (bytes === 0) return done(new Uint8Array(0));
    this.#open = { bytes: new Uint8Array(bytes), filled: 0, done };
  }

  part(bytes: Uint8Array): void {
    const open = this.#open;
    if (open === undefined || open.filled + bytes.byteLength > open.bytes.byteLength) return;
    open.bytes.set(bytes, open.filled);
    open.filled += bytes.byteLength;
    if (open.filled < open.bytes.byteLength) return;
    this.#open = undefined;
    open.done(open.bytes);
  }

  await(id: number, take: (copy: ScreenCopy) => void): void {
    this.#waiting.set(id, take);
  }

  forget(id: number): void {
    this.#waiting.delete(id);
  }

  answer(id: number, copy: ScreenCopy): void {
    const take = this.#waiting.get(id);
    this.#waiting.delete(id);
    take?.(copy);
  }
}
