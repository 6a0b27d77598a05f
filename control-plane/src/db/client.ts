/** drizzle over the fleet database. */
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { noteStatement } from "./remembered.ts";
import * as schema from "./schema.ts";

export type Db = DrizzleD1Database<typeof schema>;

export const openDb = (database: D1Database): Db => drizzle(noting(database), { schema });

/** Each statement is noted before it runs: what was remembered of the tables it writes to is read anew. */
export const noting = (database: D1Database): D1Database => ({
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
