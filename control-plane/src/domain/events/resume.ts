/** [EV1] Where a follower goes on: after the event it saw last, or told that those are gone. */

export interface Ring {
  /** Lowest and highest sequence held; 0 and 0 when nothing has happened yet. */
  first: number;
  last: number;
}

export type Resume =
  /** Send everything after this sequence. */
  | { kind: "from"; after: number }
  /** What follows `since` is no longer complete here: refetch, then follow from `after`. */
  | { kind: "reset"; after: number };

/**
 * @param since undefined: only what happens from now on. Otherwise a sequence, or undefined for an id the ring
 * does not hold, wrapped so that "not asked" and "not found" differ.
 */
export function resumeFrom(ring: Ring, since: { seq: number | undefined } | undefined): Resume {
  if (since === undefined) return { kind: "from", after: ring.last };
  const { seq } = since;
  // A number from the future belongs to another life of this fleet.
  if (seq === undefined || seq > ring.last || seq < ring.first - 1) return { kind: "reset", after: ring.last };
  return { kind: "from", after: seq };
}
