/** drizzle over the fleet database. */
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { noteStatement } from "./remembered.ts";
import * as schema from "./schema.ts";

export type Db = DrizzleD1Database<typeof schema>;

/** One for each binding: making one takes longer than a query does. */
const opened = new WeakMap<D1Database, Db>();

export function openDb(database: D1Database): Db {
  const known = opened.get(database);
  if (known !== undefined) return known;
  const db = drizzle(noting(database), { schema });
  opened.set(database, db);
  return db;
}

/** Each statement is noted before it runs: what was remembered of the tables it writes to is read anew. */
const noting = (database: D1Database): D1Database => ({
  prepare(sql) {
    noteStatement(sql, Date.now());
    return database.prepare(sql);
  },
  batch: (statements) => database.batch(statements),
  exec(sql) {
    noteStatement(sql, Date.now());
    return database.exec(sql);
  },
  withSession: (constraint) => database.withSession(constraint),
  // oxlint-disable-next-line typescript/no-deprecated -- nobody calls it; the type has it
  dump: () => database.dump(),
});
