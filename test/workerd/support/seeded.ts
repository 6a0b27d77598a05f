/** Seeded randomness, so that a history can be repeated. */
export interface Seeded {
  /** Below `limit`. */
  below(limit: number): number;
}

/** mulberry32 */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  return {
    below(limit) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
    },
  };
}
