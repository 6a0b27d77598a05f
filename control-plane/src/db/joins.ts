/** Join tokens, and enrolment: spending one and making its host is one transaction. */
import { and, eq, isNull, sql } from "drizzle-orm";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { hostExists, type HostRow, type NewHost } from "./hosts.ts";
import { fleets, hosts, joins } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type JoinRow = typeof joins.$inferSelect;

export async function insertJoin(db: Db, join: JoinRow): Promise<void> {
  await db.insert(joins).values(join);
}

export async function joinByLookup(db: Db, lookup: string): Promise<JoinRow | undefined> {
  return db.select().from(joins).where(eq(joins.lookup, lookup)).get();
}

/**
 * Compare-and-set on the token, then the host only if this call won. Undefined: the token was spent already.
 * A taken name throws `host_exists` and leaves the token usable, since the whole batch is undone.
 */
export async function enrol(db: Db, join: JoinRow, host: NewHost): Promise<HostRow | undefined> {
  const won = sql`exists (select 1 from ${joins} where ${joins.id} = ${join.id} and ${joins.host} = ${host.id})`;
  try {
    const [, , made] = await db.batch([
      db
        .update(joins)
        .set({ usedMs: host.createdMs, host: host.id })
        .where(and(eq(joins.id, join.id), isNull(joins.usedMs))),
      db
        .update(fleets)
        .set({ registryVersion: sql`${fleets.registryVersion} + 1` })
        .where(and(eq(fleets.id, host.fleet), won)),
      db
        .insert(hosts)
        .select(
          sql`select ${host.id}, ${host.fleet}, ${host.name}, 'link', ${JSON.stringify(host.labels)}, 0, ${host.signingKey}, ${host.sealingKey}, null, null, null, null, ${host.createdMs}, ${host.createdMs}, null, null, 1, 0, null where ${won}`,
        )
        .returning(),
    ]);
    return made[0];
  } catch (error) {
    throw isUniqueViolation(error, "hosts.name") ? hostExists(host.name) : error;
  }
}

/** Names taken in the fleet that begin like this one, to suggest a free one. */
export async function namesLike(db: Db, fleet: FleetId, name: string): Promise<string[]> {
  const rows = await db
    .select({ name: hosts.name })
    .from(hosts)
    .where(and(eq(hosts.fleet, fleet), sql`substr(${hosts.name}, 1, ${name.length}) = ${name}`))
    .limit(1000);
  return rows.map((row) => row.name);
}
