/** What the fuzz's program writes: told from epoch and offset, so that any stretch can be checked without keeping it. */

/** mulberry32: uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const byteAt = (epoch: number, offset: number): number => (Math.imul(offset ^ (epoch * 7919), 2654435761) >>> 13) & 0xff;

export const bytesOf = (epoch: number, from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => byteAt(epoch, from + i));

/** A rule was broken; anything else that is thrown is a bug of the fuzz. */
export class Violation extends Error {}
