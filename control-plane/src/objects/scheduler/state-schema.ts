/** The tables of shared state and secrets. Steps are only ever appended: old code may still run beside new code. */

const STEPS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE state (key TEXT PRIMARY KEY, version INTEGER NOT NULL, bytes INTEGER NOT NULL, updated_ms INTEGER NOT NULL, updated_by TEXT NOT NULL,
      expires_ms INTEGER, value TEXT NOT NULL) WITHOUT ROWID`,
    "CREATE INDEX state_expiry ON state (expires_ms) WHERE expires_ms IS NOT NULL",
    // The highest version of what is gone: a key that comes again begins above it, and no old version fits it.
    "CREATE TABLE state_floor (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL)",
    `CREATE TABLE secrets (name TEXT PRIMARY KEY, ciphertext TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
      updated_by TEXT NOT NULL) WITHOUT ROWID`,
  ],
];

export function migrateState(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    const { sql } = storage;
    sql.exec("CREATE TABLE IF NOT EXISTS state_meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    const done = sql.exec<{ value: number }>("SELECT value FROM state_meta WHERE key = 'schema'").toArray()[0]?.value ?? 0;
    for (const step of STEPS.slice(done)) for (const statement of step) sql.exec(statement);
    if (done < STEPS.length) sql.exec("INSERT OR REPLACE INTO state_meta (key, value) VALUES ('schema', ?)", STEPS.length);
  });
}
