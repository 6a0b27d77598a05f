/** The Feed's tables. Steps are only ever appended: old code may still run beside new code. */

/** As the index says it and the query must. */
export const OF_SESSION = "substr(json_extract(json, '$.type'), 1, 8) = 'session.'";

const STEPS: readonly (readonly string[])[] = [
  [
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, json TEXT NOT NULL)",
    "CREATE TABLE present_hosts (host TEXT PRIMARY KEY, facts TEXT NOT NULL, types TEXT NOT NULL)",
    "CREATE TABLE present_sessions (host TEXT NOT NULL, session TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (host, session))",
    `CREATE TABLE audit (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, credential TEXT NOT NULL, ip TEXT NOT NULL, action TEXT NOT NULL,
      target TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT, request_id TEXT NOT NULL, hash TEXT NOT NULL)`,
    "CREATE TABLE spent_nonces (nonce TEXT PRIMARY KEY, until_ms INTEGER NOT NULL)",
    "CREATE TABLE revoked (credential TEXT PRIMARY KEY, until_ms INTEGER NOT NULL)",
  ],
  // A session is looked up by what a person typed. An index over the row's text stays right whichever version wrote it.
  [
    "CREATE INDEX present_session_ids ON present_sessions (session)",
    "CREATE INDEX present_session_names ON present_sessions (json_extract(json, '$.name'))",
  ],
  // Whose an event is, by name; null: who is limited to some does not hear of it.
  [
    "ALTER TABLE events ADD COLUMN host TEXT",
    "ALTER TABLE events ADD COLUMN agent TEXT",
    "CREATE INDEX event_subjects ON events (json_extract(json, '$.subject'))",
  ],
  // Where the audit chain ends, beside it: an end that is dropped is missed.
  [
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, at TEXT NOT NULL, hash TEXT NOT NULL)",
    "INSERT INTO audit_head (one, seq, at, hash) SELECT 1, seq, at, hash FROM audit ORDER BY seq DESC LIMIT 1",
  ],
  // Only sessions are looked up by subject: an event of a task costs a row less.
  ["DROP INDEX event_subjects", `CREATE INDEX event_session_subjects ON events (json_extract(json, '$.subject')) WHERE ${OF_SESSION}`],
];

/** `user_version` is refused in a Durable Object, so the version is a row. */
export function migrateFeed(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    const { sql } = storage;
    sql.exec("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    const done = sql.exec<{ value: number }>("SELECT value FROM meta WHERE key = 'schema'").toArray()[0]?.value ?? 0;
    for (const step of STEPS.slice(done)) for (const statement of step) sql.exec(statement);
    if (done < STEPS.length) sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)", STEPS.length);
  });
}
