/** The HostRelay's tables. Steps are only ever appended: old code may still run beside new code. */

const STEPS: readonly (readonly string[])[] = [
  [
    "CREATE TABLE state (key TEXT PRIMARY KEY, json TEXT NOT NULL)",
    "CREATE TABLE spent_nonces (nonce TEXT PRIMARY KEY, until_ms INTEGER NOT NULL)",
    "CREATE TABLE revoked (credential TEXT PRIMARY KEY, until_ms INTEGER NOT NULL)",
    "CREATE TABLE sessions (id TEXT PRIMARY KEY, json TEXT NOT NULL, mark INTEGER NOT NULL)",
    "CREATE TABLE types (slug TEXT PRIMARY KEY, json TEXT NOT NULL, mark INTEGER NOT NULL)",
    "CREATE TABLE pens (session TEXT PRIMARY KEY, json TEXT NOT NULL)",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL)",
  ],
  // The change of a session that the fleet has not been told of yet.
  ["ALTER TABLE sessions ADD COLUMN untold TEXT"],
  // [TK2] What was started there, and what the Scheduler could not be told of it.
  ["CREATE TABLE attempts (id TEXT PRIMARY KEY, mark INTEGER NOT NULL, untold TEXT) WITHOUT ROWID"],
  // [LG1] Whether it was started from here; of the others there is the host's word only.
  ["ALTER TABLE attempts ADD COLUMN ours INTEGER NOT NULL DEFAULT 0"],
];

/** `user_version` is refused in a Durable Object, so the version is a row. */
export function migrateRelay(storage: DurableObjectStorage): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    sql.exec("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    const done = sql.exec<{ value: number }>("SELECT value FROM meta WHERE key = 'schema'").toArray()[0]?.value ?? 0;
    for (const step of STEPS.slice(done)) for (const statement of step) sql.exec(statement);
    if (done < STEPS.length) sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)", STEPS.length);
  });
}
