/** [CH1] The last bytes of a session, addressed by their offset in its epoch. */
import { RING_BYTES } from "@maestro/shared/limits";

const KiB = 1024;
/** An idle shell needs little; a busy one fills slabs of the full size. */
const FIRST_SLAB_BYTES = 4 * KiB;
const SLAB_BYTES = 64 * KiB;

interface Slab {
  start: number;
  bytes: Buffer;
  used: number;
}

/**
 * Slabs are only ever appended to, never reused: a view handed out by `read` stays true while a slow
 * socket still holds it. Oldest slabs go whole, so the ring keeps between its capacity and one slab more.
 */
export class Ring {
  readonly #capacity: number;
  #slabs: Slab[] = [];
  #start: number;
  #end: number;

  constructor(capacity: number = RING_BYTES, offset = 0) {
    this.#capacity = capacity;
    this.#start = offset;
    this.#end = offset;
  }

  /** The oldest byte kept. */
  get start(): number {
    return this.#start;
  }

  /** One past the newest byte. */
  get end(): number {
    return this.#end;
  }

  /** Copies `bytes`; the caller may reuse its buffer. */
  append(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      const slab = this.#openSlab();
      const take = Math.min(slab.bytes.byteLength - slab.used, bytes.byteLength - at);
      slab.bytes.set(bytes.subarray(at, at + take), slab.used);
      slab.used += take;
      at += take;
      this.#end += take;
    }
    this.#trim();
  }

  /** A contiguous view of what begins at `from`, as much as lies together, at most `maxBytes`; empty outside the ring. */
  read(from: number, maxBytes: number): Uint8Array {
    if (from < this.#start || from >= this.#end) return new Uint8Array(0);
    const slab = this.#slabs[this.#indexOf(from)];
    if (slab === undefined) return new Uint8Array(0);
    const at = from - slab.start;
    return slab.bytes.subarray(at, Math.min(slab.used, at + maxBytes));
  }

  /** The same in as many views as it takes; one for nearly all. */
  readAll(from: number, maxBytes: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    for (let at = from, left = maxBytes; left > 0;) {
      const view = this.read(at, left);
      if (view.byteLength === 0) break;
      views.push(view);
      at += view.byteLength;
      left -= view.byteLength;
    }
    return views;
  }

  /** Bytes of memory held. */
  get heldBytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.bytes.byteLength, 0);
  }

  /** Lets go of everything; offsets stay. */
  clear(): void {
    this.#slabs = [];
    this.#start = this.#end;
  }

  #openSlab(): Slab {
    const last = this.#slabs.at(-1);
    if (last !== undefined && last.used < last.bytes.byteLength) return last;
    const size = last === undefined && this.#end === this.#start ? FIRST_SLAB_BYTES : SLAB_BYTES;
    // Not from the shared pool: a view of 1 KiB must not pin somebody else's memory, nor the other way round.
    const slab = { start: this.#end, bytes: Buffer.allocUnsafeSlow(Math.min(size, this.#capacity)), used: 0 };
    this.#slabs.push(slab);
    return slab;
  }

  #trim(): void {
    for (
      let first = this.#slabs[0];
      first !== undefined && this.#end - (first.start + first.used) >= this.#capacity;
      first = this.#slabs[0]
    ) {
      this.#slabs.shift();
      this.#start = first.start + first.used;
    }
  }

  /** The last slab whose start is at or before `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#slabs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#slabs[middle]?.start ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
