/**
 * Rows that nearly every request asks for again, kept in this isolate for a moment: a read of D1 takes longer than all else
 * that a request does. What this isolate writes, it reads anew at once; what another one wrote, two seconds later at most, which
 * is within the five that a revoked credential has. Only what was found is kept: what is new is there at once everywhere.
 */
const FRESH_MS = 1_000;
/** For those who ask while the first of them reads it anew. */
const KEPT_MS = 2_000;
/** From the beginning of a write on, which takes its time: what is read meanwhile may be as it was before. */
const WRITING_MS = 5_000;
const MAX_ROWS = 5_000;

const writes = new Map<string, number>();

/** What is about to be run. It writes to the table it names first; what does not say so may write to any. */
export function noteStatement(sql: string, nowMs: number): void {
  if (/^\s*select\b/i.test(sql) || ONLY_WHEN_USED.test(sql)) return;
  const table = /^\s*(?:insert into|update|delete from)\s+"?(\w+)/i.exec(sql)?.[1];
  writes.set(table ?? ANY, nowMs);
}

const ANY = "";
/** Nothing is decided by it. */
const ONLY_WHEN_USED = /^update "tokens" set "last_used_ms" =/;

export class Remembered<Row> {
  readonly #tables: readonly string[];
  readonly #rows = new Map<string, { row: Row; askedMs: number; renewing: boolean }>();

  /** @param tables whose rows these are made of. */
  constructor(...tables: string[]) {
    this.#tables = [...tables, ANY];
  }

  get(key: string, nowMs: number): Row | undefined {
    const known = this.#rows.get(key);
    if (known === undefined) return undefined;
    const wroteMs = Math.max(...this.#tables.map((table) => writes.get(table) ?? -Infinity));
    const age = nowMs - known.askedMs;
    if (age < 0 || age >= KEPT_MS || known.askedMs < wroteMs + WRITING_MS) {
      this.#rows.delete(key);
      return undefined;
    }
    if (age < FRESH_MS || known.renewing) return known.row;
    known.renewing = true;
    return undefined;
  }

  /** @param askedMs when the database was asked for it. */
  set(key: string, row: Row, askedMs: number): void {
    if (this.#rows.size >= MAX_ROWS) this.#rows.clear();
    this.#rows.set(key, { row, askedMs, renewing: false });
  }
}
