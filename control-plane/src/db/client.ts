/** drizzle over the fleet database. */
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import * as schema from "./schema.ts";

export type Db = DrizzleD1Database<typeof schema>;

export const openDb = (database: D1Database): Db => drizzle(database, { schema });
