/** A fleet's shared state in SQLite: versioned, with a lifetime. An entry whose time is over is gone, whether or not it was deleted yet. */
import type { StateChange, StateEntry } from "@maestro/shared/contract/state";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_STATE_KEYS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { utf8Bytes, versionConflict } from "../../domain/state/entry.ts";
import { AFTER_KEYS } from "../../domain/state/keys.ts";

export interface StateSet {
  key: string;
  value: string;
  /** Undefined: it stays. */
  ttlS: number | undefined;
  /** 0: only when it is not there. */
  ifVersion?: number | undefined;
  /** Who, as others read it. */
  by: string;
}

/** Deleted at once by an alarm; what is left then is due at once again. */
const EXPIRED_AT_ONCE = 1_000;

export class StateStore {
  readonly #sql: SqlStorage;
  readonly #changed: (change: StateChange) => void;
  readonly #maxKeys: number;
  /** Rows, expired ones too; counted when first needed after a wake. */
  #count: number | undefined;
  /** When the next entry's time is over; looked up again after a change. */
  #next: { dueMs: number | undefined } | undefined;

  /** @param changed is told of each change in turn. */
  constructor(sql: SqlStorage, changed: (change: StateChange) => void, maxKeys: number = MAX_STATE_KEYS) {
    this.#sql = sql;
    this.#changed = changed;
    this.#maxKeys = maxKeys;
  }

  /** @param sees leaves out what is beyond reach, so that a page of what is within is full. */
  list(
    prefix: string,
    limit: number,
    after: string | undefined,
    nowMs: number,
    sees: (key: string) => boolean = () => true,
  ): { items: StateEntry[]; next?: string | undefined } {
    const items: StateEntry[] = [];
    // All there are, if need be: where a page goes on is said by a key that its reader sees, and no other.
    for (let last = after ?? ""; ;) {
      const rows = this.#after(prefix, last, limit + 1, nowMs);
      for (const row of rows) {
        if (sees(row.key)) {
          if (items.length === limit) return { items, next: items.at(-1)?.key };
          items.push(toEntry(row));
        }
        last = row.key;
      }
      if (rows.length <= limit) return { items };
    }
  }

  #after(prefix: string, after: string, limit: number, nowMs: number): Row[] {
    return this.#sql
      .exec<Row>(
        `SELECT key, version, bytes, updated_ms, updated_by, expires_ms FROM state
         WHERE key >= ? AND key > ? AND key < ? AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY key LIMIT ?`,
        prefix,
        after,
        `${prefix}${AFTER_KEYS}`,
        nowMs,
        limit,
      )
      .toArray();
  }

  get(key: string, nowMs: number): Result<StateEntry> {
    const row = this.#sql.exec<Row & { value: string }>("SELECT * FROM state WHERE key = ?", key).toArray()[0];
    return row === undefined || isOver(row, nowMs) ? err(keyNotFound(key)) : ok({ ...toEntry(row), value: row.value });
  }

  put({ key, value, ttlS, ifVersion, by }: StateSet, nowMs: number): Result<StateEntry> {
    const old = this.#row(key);
    const conflict = versionConflict(key, old === undefined || isOver(old, nowMs) ? 0 : old.version, ifVersion);
    if (conflict !== undefined) return err(conflict);
    if (old === undefined && this.#isFull(nowMs)) return err(full(this.#maxKeys));
    const row: Row = {
      key,
      version: (old?.version ?? this.#floor()) + 1,
      bytes: utf8Bytes(value),
      updated_ms: nowMs,
      updated_by: by,
      expires_ms: ttlS === undefined ? null : nowMs + Math.round(ttlS * 1000),
    };
    this.#next = undefined;
    this.#sql.exec(
      `INSERT INTO state (key, version, bytes, updated_ms, updated_by, expires_ms, value) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET version = excluded.version, bytes = excluded.bytes, updated_ms = excluded.updated_ms,
         updated_by = excluded.updated_by, expires_ms = excluded.expires_ms, value = excluded.value`,
      row.key,
      row.version,
      row.bytes,
      row.updated_ms,
      row.updated_by,
      row.expires_ms,
      value,
    );
    if (old === undefined && this.#count !== undefined) this.#count += 1;
    this.#changed({ key, version: row.version, op: "set", value });
    return ok(toEntry(row));
  }

  delete(key: string, ifVersion: number | undefined, nowMs: number): Result<void> {
    const row = this.#row(key);
    if (row === undefined || isOver(row, nowMs)) return err(keyNotFound(key));
    const conflict = versionConflict(key, row.version, ifVersion);
    if (conflict !== undefined) return err(conflict);
    this.#drop([row], "delete");
    return ok(undefined);
  }

  /** @returns how many keys there were. */
  flush(nowMs: number): number {
    const rows = this.#sql.exec<Gone>("SELECT key, version, expires_ms FROM state").toArray();
    this.#next = undefined;
    this.#raiseFloor(rows);
    this.#sql.exec("DELETE FROM state");
    this.#count = 0;
    const living = rows.filter((row) => !isOver(row, nowMs));
    for (const { key, version } of living) this.#changed({ key, version, op: "delete" });
    return living.length;
  }

  /** When the next entry's time is over. */
  nextDueMs(): number | undefined {
    this.#next ??= { dueMs: this.#sql.exec<{ due: number | null }>("SELECT min(expires_ms) AS due FROM state").one().due ?? undefined };
    return this.#next.dueMs;
  }

  /** Deletes what is over; what is left, when it is very much, is due at once. */
  expire(nowMs: number): void {
    this.#drop(
      this.#sql.exec<Gone>("SELECT key, version, expires_ms FROM state WHERE expires_ms <= ? LIMIT ?", nowMs, EXPIRED_AT_ONCE).toArray(),
      "expire",
    );
  }

  #drop(rows: readonly Gone[], op: "delete" | "expire"): void {
    this.#next = undefined;
    this.#raiseFloor(rows);
    for (const { key, version } of rows) {
      this.#sql.exec("DELETE FROM state WHERE key = ?", key);
      this.#changed({ key, version, op });
    }
    if (this.#count !== undefined) this.#count -= rows.length;
  }

  /** What is over makes room before anybody is refused. */
  #isFull(nowMs: number): boolean {
    this.#count ??= this.#sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM state").one().rows;
    if (this.#count >= this.#maxKeys) this.expire(nowMs);
    return this.#count >= this.#maxKeys;
  }

  #row(key: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT key, version, bytes, updated_ms, updated_by, expires_ms FROM state WHERE key = ?", key).toArray()[0];
  }

  #floor(): number {
    return this.#sql.exec<{ version: number }>("SELECT version FROM state_floor").toArray()[0]?.version ?? 0;
  }

  #raiseFloor(gone: readonly Gone[]): void {
    const highest = gone.reduce((most, { version }) => Math.max(most, version), 0);
    if (highest > this.#floor()) this.#sql.exec("INSERT OR REPLACE INTO state_floor (one, version) VALUES (1, ?)", highest);
  }
}

type Gone = { key: string; version: number; expires_ms: number | null };
type Row = Gone & { bytes: number; updated_ms: number; updated_by: string };

const isOver = ({ expires_ms }: Gone, nowMs: number): boolean => expires_ms !== null && expires_ms <= nowMs;
const iso = (ms: number): string => new Date(ms).toISOString();

function toEntry({ key, version, bytes, updated_ms, updated_by, expires_ms }: Row): StateEntry {
  return {
    key,
    version,
    bytes,
    updatedAt: iso(updated_ms),
    updatedBy: updated_by,
    ...(expires_ms === null ? {} : { expiresAt: iso(expires_ms) }),
  };
}

export const keyNotFound = (key: string): MaestroError =>
  maestroError("key_not_found", `No key '${key}'.`, { field: "key", hint: "It was never set, was deleted, or its time is over." });

const full = (keys: number): MaestroError =>
  maestroError("state_full", `The fleet has ${keys} keys already.`, {
    field: "key",
    hint: "Delete some, or give them a shorter lifetime.",
  });
