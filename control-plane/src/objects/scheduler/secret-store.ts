/** [TK5] A fleet's secrets in SQLite: ciphertext goes in, only names come out to people. */
import type { Secret } from "@maestro/shared/contract/state";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_SECRETS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";

export class SecretStore {
  readonly #sql: SqlStorage;
  readonly #max: number;

  constructor(sql: SqlStorage, max: number = MAX_SECRETS) {
    this.#sql = sql;
    this.#max = max;
  }

  /** In name order. */
  list(): Secret[] {
    return this.#sql.exec<Row>("SELECT name, created_ms, updated_ms, updated_by FROM secrets ORDER BY name").toArray().map(toSecret);
  }

  put(name: string, ciphertext: string, by: string, nowMs: number): Result<Secret> {
    const there = this.#sql.exec("SELECT 1 FROM secrets WHERE name = ?", name).toArray().length > 0;
    const count = this.#sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM secrets").one().rows;
    if (!there && count >= this.#max)
      return err(
        maestroError("secret_limit", `The fleet has ${count} secrets already.`, {
          field: "name",
          hint: "Delete one that is not used any more.",
        }),
      );
    const row = this.#sql
      .exec<Row>(
        `INSERT INTO secrets (name, ciphertext, created_ms, updated_ms, updated_by) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET ciphertext = excluded.ciphertext, updated_ms = excluded.updated_ms, updated_by = excluded.updated_by
         RETURNING name, created_ms, updated_ms, updated_by`,
        name,
        ciphertext,
        nowMs,
        nowMs,
        by,
      )
      .one();
    return ok(toSecret(row));
  }

  delete(name: string): Result<void> {
    const { rowsWritten } = this.#sql.exec("DELETE FROM secrets WHERE name = ?", name);
    return rowsWritten === 0 ? err(secretNotFound(name)) : ok(undefined);
  }

  /** For a start: opened nowhere but on its way to the host. @param asOfMs not one that was set later. */
  ciphertext(name: string, asOfMs = Number.POSITIVE_INFINITY): string | undefined {
    const row = this.#sql
      .exec<{ ciphertext: string; updated_ms: number }>("SELECT ciphertext, updated_ms FROM secrets WHERE name = ?", name)
      .toArray()[0];
    return row === undefined || row.updated_ms > asOfMs ? undefined : row.ciphertext;
  }
}

type Row = { name: string; created_ms: number; updated_ms: number; updated_by: string };

const toSecret = ({ name, created_ms, updated_ms, updated_by }: Row): Secret => ({
  name,
  createdAt: new Date(created_ms).toISOString(),
  updatedAt: new Date(updated_ms).toISOString(),
  updatedBy: updated_by,
});

export const secretNotFound = (name: string, field = "name"): MaestroError =>
  maestroError("secret_not_found", `The fleet has no secret '${name}'.`, { field, hint: `Set it first: maestro secret set ${name}` });
