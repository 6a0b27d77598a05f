/** Seeded randomness, so that a failing run can be repeated from the seed it printed. */

export interface Random {
  readonly seed: number;
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [min, max]. */
  int(min: number, max: number): number;
  pick<const T>(items: readonly [T, ...T[]]): T;
}

/** mulberry32: 32 bits of state, enough for schedules and test data. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    seed,
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
  };
}

/** `MAESTRO_TEST_SEED` repeats a run; otherwise a new seed, which whoever uses it prints. */
export function chooseSeed(fallback: number = Date.now()): number {
  const given = process.env["MAESTRO_TEST_SEED"];
  return given === undefined || given === "" ? fallback >>> 0 : Number(given) >>> 0;
}
