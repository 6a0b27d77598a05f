/** The first owner, once in a deployment's life. */
import { sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { fleets, members, tokens } from "./schema.ts";

export interface FirstOwner {
  fleet: typeof fleets.$inferSelect;
  member: typeof members.$inferSelect;
  token: typeof tokens.$inferSelect;
}

/** One transaction; each insert hangs on the fleet being the one made here. False: somebody was first. */
export async function insertFirstOwner(db: Db, { fleet, member, token }: FirstOwner): Promise<boolean> {
  const mine = sql`where exists (select 1 from ${fleets} where ${fleets.id} = ${fleet.id})`;
  const [made] = await db.batch([
    db
      .insert(fleets)
      .select(
        sql`select ${fleet.id}, ${fleet.name}, ${fleet.registryVersion}, ${fleet.createdMs} where not exists (select 1 from ${fleets})`,
      )
      .returning({ id: fleets.id }),
    db.insert(members).select(sql`select ${member.id}, ${member.fleet}, ${member.name}, ${member.role}, ${member.createdMs} ${mine}`),
    db
      .insert(tokens)
      .select(
        sql`select ${token.id}, ${token.fleet}, ${token.member}, ${token.name}, ${token.lookup}, ${token.digest}, ${token.role}, ${JSON.stringify(token.scopes)}, null, null, 1, ${token.createdMs}, ${token.expiresMs}, null, null ${mine}`,
      ),
  ]);
  return made.length > 0;
}
