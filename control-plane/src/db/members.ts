/** Members: the people of a fleet. A fleet always keeps an owner. */
import { and, asc, eq, gt, ne, or, sql } from "drizzle-orm";
import type { Role } from "@maestro/shared/contract/access";
import { fail } from "@maestro/shared/errors";
import type { FleetId, MemberId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { toPage, type Page, type PageAsk } from "./page.ts";
import { browserSessions, loginLinks, members, tokens } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type MemberRow = typeof members.$inferSelect;

export async function listMembers(db: Db, fleet: FleetId, ask: PageAsk): Promise<Page<MemberRow>> {
  const rows = await db
    .select()
    .from(members)
    .where(and(eq(members.fleet, fleet), ask.after === undefined ? undefined : gt(sql`${members.id}`, ask.after)))
    .orderBy(asc(members.id))
    .limit(ask.limit + 1);
  return toPage(rows, ask, (row) => row.id);
}

/** By id or name; throws `member_not_found`. */
export async function findMember(db: Db, fleet: FleetId, ref: string): Promise<MemberRow> {
  const row = await db
    .select()
    .from(members)
    .where(and(eq(members.fleet, fleet), or(eq(sql`${members.id}`, ref), eq(members.name, ref))))
    // An id is meant before a name that looks like one.
    .orderBy(sql`${members.id} = ${ref} desc`)
    .limit(1)
    .get();
  if (row === undefined)
    throw fail("member_not_found", `No member '${ref.slice(0, 64)}'.`, { hint: "List them with GET /api/v1/members." });
  return row;
}

export async function insertMember(db: Db, member: MemberRow): Promise<MemberRow> {
  try {
    return await db.insert(members).values(member).returning().get();
  } catch (error) {
    throw isUniqueViolation(error, "members.name") ? memberExists(member.name) : error;
  }
}

/** Of two owners stepping down at once, one stays: the count is part of the update. */
export async function updateMember(
  db: Db,
  fleet: FleetId,
  id: MemberId,
  change: { name?: string | undefined; role?: Role | undefined },
): Promise<MemberRow> {
  const keepsOwner = change.role === undefined || change.role === "owner" ? undefined : notLastOwner(fleet);
  try {
    const row = await db
      .update(members)
      .set(change)
      .where(and(eq(members.fleet, fleet), eq(members.id, id), keepsOwner))
      .returning()
      .get();
    if (row === undefined) throw lastOwner();
    return row;
  } catch (error) {
    throw isUniqueViolation(error, "members.name") ? memberExists(change.name ?? "") : error;
  }
}

/** With tokens revoked, sessions and links gone, in one transaction. Throws `member_last_owner`. */
export async function removeMember(db: Db, fleet: FleetId, id: MemberId, nowMs: number): Promise<void> {
  const gone = sql`not exists (select 1 from ${members} where ${members.id} = ${id})`;
  const [removed] = await db.batch([
    db
      .delete(members)
      .where(and(eq(members.fleet, fleet), eq(members.id, id), notLastOwner(fleet)))
      .returning({ id: members.id }),
    db
      .update(tokens)
      .set({ revokedMs: nowMs })
      .where(and(eq(tokens.fleet, fleet), eq(tokens.member, id), sql`revoked_ms is null`, gone)),
    db.delete(browserSessions).where(and(eq(browserSessions.fleet, fleet), eq(browserSessions.member, id), gone)),
    db.delete(loginLinks).where(and(eq(loginLinks.fleet, fleet), eq(loginLinks.member, id), gone)),
  ]);
  if (removed.length === 0) throw lastOwner();
}

/** Every live credential of a member, for closing their sockets. */
export async function credentialsOfMember(db: Db, fleet: FleetId, id: MemberId): Promise<string[]> {
  const [ofTokens, ofSessions] = await db.batch([
    db
      .select({ id: tokens.id })
      .from(tokens)
      .where(and(eq(tokens.fleet, fleet), eq(tokens.member, id), sql`revoked_ms is null`)),
    db
      .select({ id: browserSessions.id })
      .from(browserSessions)
      .where(and(eq(browserSessions.fleet, fleet), eq(browserSessions.member, id))),
  ]);
  return [...ofTokens, ...ofSessions].map((row) => row.id);
}

const notLastOwner = (fleet: FleetId) =>
  or(ne(members.role, "owner"), sql`(select count(*) from members as others where others.fleet = ${fleet} and others.role = 'owner') > 1`);
const memberExists = (name: string): Error =>
  fail("member_exists", `A member named '${name}' exists.`, { field: "name", hint: "Choose another name." });
const lastOwner = (): Error => fail("member_last_owner", "This is the fleet's last owner.", { hint: "Make somebody else owner first." });
