/** One page of a list in key order, whatever the table. */

export interface PageAsk {
  /** At most this many rows. */
  limit: number;
  /** Rows strictly after this key; undefined: from the start. */
  after: string | undefined;
}

export interface Page<Row> {
  rows: Row[];
  /** The key to go on after; undefined: this was the last page. */
  next: string | undefined;
}

/** @param rows fetched with `limit + 1`, so that one more tells whether there is a next page. */
export function toPage<Row>(rows: Row[], ask: PageAsk, keyOf: (row: Row) => string): Page<Row> {
  if (rows.length <= ask.limit) return { rows, next: undefined };
  const kept = rows.slice(0, ask.limit);
  const last = kept.at(-1);
  return { rows: kept, next: last === undefined ? undefined : keyOf(last) };
}

/** Everything at once, for lists whose size is bounded elsewhere. */
export const WHOLE: PageAsk = { limit: 10_000, after: undefined };
