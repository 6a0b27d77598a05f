/**
 * [TK2] The attempts that were started on this host, or that it says it runs, and whose end was not stored yet: while there
 * are any, the silence of the link is looked for. One row each; a report that the Scheduler could not be told is kept with it.
 */
import { AttemptReport } from "@maestro/shared/protocol/tasks";

/** A host that names more is not believed. */
export const MAX_ATTEMPTS = 1_000;

export class AttemptBook {
  readonly #sql: SqlStorage;
  #ids = new Set<string>();
  #ours = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  reload(): void {
    const rows = this.#sql.exec<{ id: string; ours: number }>("SELECT id, ours FROM attempts").toArray();
    this.#ids = new Set(rows.map(({ id }) => id));
    this.#ours = new Set(rows.flatMap(({ id, ours }) => (ours === 1 ? [id] : [])));
  }

  get size(): number {
    return this.#ids.size;
  }

  has(attempt: string): boolean {
    return this.#ids.has(attempt);
  }

  /** Started from here. A host's word alone makes no attempt its own. */
  isOurs(attempt: string): boolean {
    return this.#ours.has(attempt);
  }

  started(attempt: string, mark: number): void {
    if (this.#ours.has(attempt) || (this.#ids.size >= MAX_ATTEMPTS && !this.#ids.has(attempt))) return;
    this.#ids.add(attempt);
    this.#ours.add(attempt);
    this.#sql.exec("INSERT INTO attempts (id, mark, ours) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET ours = 1", attempt, mark);
  }

  /** The host says so. */
  add(attempt: string, mark: number): void {
    if (this.#ids.has(attempt) || this.#ids.size >= MAX_ATTEMPTS) return;
    this.#ids.add(attempt);
    this.#sql.exec("INSERT OR IGNORE INTO attempts (id, mark) VALUES (?, ?)", attempt, mark);
  }

  remove(attempt: string): void {
    if (!this.#ids.delete(attempt)) return;
    this.#ours.delete(attempt);
    this.#sql.exec("DELETE FROM attempts WHERE id = ?", attempt);
  }

  /** The host has no such attempt. What is still to be told of it stays. */
  notThere(attempt: string): void {
    if (!this.untold().some((report) => report.attempt === attempt)) this.remove(attempt);
  }

  /** [LK3] The host names it on this link. */
  named(attempts: readonly string[], mark: number): void {
    for (const id of attempts)
      if (this.#ids.has(id)) this.#sql.exec("UPDATE attempts SET mark = ? WHERE id = ? AND mark <> ?", mark, id, mark);
  }

  /** After the last page: what no page named is not there. */
  keep(mark: number): void {
    const gone = this.#sql.exec<{ id: string }>("SELECT id FROM attempts WHERE mark <> ? AND untold IS NULL", mark).toArray();
    for (const { id } of gone) this.remove(id);
  }

  /** It is told by alarm. False where there is no room: then the host has to say it again. */
  keepUntold(report: AttemptReport, mark: number): boolean {
    this.add(report.attempt, mark);
    if (!this.#ids.has(report.attempt)) return false;
    this.#sql.exec("UPDATE attempts SET untold = ? WHERE id = ?", JSON.stringify(report), report.attempt);
    return true;
  }

  told(attempt: string): void {
    if (this.#ids.has(attempt)) this.#sql.exec("UPDATE attempts SET untold = NULL WHERE id = ? AND untold IS NOT NULL", attempt);
  }

  untold(): AttemptReport[] {
    return this.#sql
      .exec<{ untold: string }>("SELECT untold FROM attempts WHERE untold IS NOT NULL")
      .toArray()
      .flatMap(({ untold }) => {
        const read = AttemptReport.safeParse(JSON.parse(untold));
        return read.success ? [read.data] : [];
      });
  }
}
