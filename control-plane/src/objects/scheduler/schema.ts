/**
 * The Scheduler's tables. Steps are only ever appended: old code may still run beside new code. What is open comes first in
 * the key, so a wake reads only that, and closing a task is one row written.
 */

const STEPS: readonly (readonly string[])[] = [
  [
    // `status` only of ended ones. The prompt comes last: reading what is before it does not read it.
    `CREATE TABLE tasks (open INTEGER NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, status TEXT, core TEXT NOT NULL, spec TEXT NOT NULL, sealed TEXT, prompt TEXT,
      PRIMARY KEY (open, key)) WITHOUT ROWID`,
    // Only of tasks whose id was chosen by somebody.
    "CREATE TABLE aliases (id TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE results (attempt TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE evidence (attempt TEXT PRIMARY KEY, host TEXT NOT NULL, at_ms INTEGER NOT NULL, report TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE hosts (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
  ],
  [
    "CREATE TABLE image_sets (task TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
    // Each row a piece of one image.
    "CREATE TABLE images (task TEXT NOT NULL, n INTEGER NOT NULL, piece INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (task, n, piece)) WITHOUT ROWID",
  ],
];

/** `user_version` is refused in a Durable Object, so the version is a row. */
export function migrateScheduler(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    const { sql } = storage;
    sql.exec("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    const done = sql.exec<{ value: number }>("SELECT value FROM meta WHERE key = 'schema'").toArray()[0]?.value ?? 0;
    for (const step of STEPS.slice(done)) for (const statement of step) sql.exec(statement);
    if (done < STEPS.length) sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)", STEPS.length);
  });
}
