/** Browser sessions and the one-time links that open them. */
import { and, eq, gt, isNull, lt, or } from "drizzle-orm";
import type { BrowserSessionId, FleetId, TokenId } from "@maestro/shared/ids";
import { SESSION_IDLE_MS } from "@maestro/shared/limits";
import type { Db } from "./client.ts";
import { browserSessions, loginLinks, members, tokens } from "./schema.ts";

export type BrowserSessionRow = typeof browserSessions.$inferSelect;
/** With the member and the token it hangs on as they are now; null when there is none. */
export type SessionWithMember = {
  session: BrowserSessionRow;
  member: typeof members.$inferSelect | null;
  parent: typeof tokens.$inferSelect | null;
};
export type LoginLinkRow = typeof loginLinks.$inferSelect;

/** Idle time is kept this coarsely, to write seldom. */
export const LAST_SEEN_GRAIN_MS = 5 * 60_000;

const withMember = (db: Db) =>
  db
    .select({ session: browserSessions, member: members, parent: tokens })
    .from(browserSessions)
    .leftJoin(members, eq(members.id, browserSessions.member))
    .leftJoin(tokens, eq(tokens.id, browserSessions.parent));

export async function sessionByDigest(db: Db, digest: string): Promise<SessionWithMember | undefined> {
  return withMember(db).where(eq(browserSessions.digest, digest)).get();
}

export async function sessionById(db: Db, id: BrowserSessionId): Promise<SessionWithMember | undefined> {
  return withMember(db).where(eq(browserSessions.id, id)).get();
}

/** Opens a session; sessions that ended long ago go on the way. */
export async function insertSession(db: Db, session: BrowserSessionRow): Promise<void> {
  await db.batch([
    db
      .delete(browserSessions)
      .where(or(lt(browserSessions.expiresMs, session.createdMs), lt(browserSessions.lastSeenMs, session.createdMs - SESSION_IDLE_MS))),
    db.insert(browserSessions).values(session),
  ]);
}

export async function endSession(db: Db, fleet: FleetId, id: BrowserSessionId): Promise<void> {
  await db.delete(browserSessions).where(and(eq(browserSessions.fleet, fleet), eq(browserSessions.id, id)));
}

/** Once their sockets are closed: until then a revocation that broke off finds them again. */
export async function endSessionsOf(db: Db, fleet: FleetId, parent: TokenId): Promise<void> {
  await db.delete(browserSessions).where(and(eq(browserSessions.fleet, fleet), eq(browserSessions.parent, parent)));
}

export async function touchSession(db: Db, id: BrowserSessionId, nowMs: number): Promise<void> {
  await db
    .update(browserSessions)
    .set({ lastSeenMs: nowMs })
    .where(and(eq(browserSessions.id, id), lt(browserSessions.lastSeenMs, nowMs - LAST_SEEN_GRAIN_MS)));
}

export async function insertLoginLink(db: Db, link: LoginLinkRow): Promise<void> {
  await db.batch([
    db.delete(loginLinks).where(lt(loginLinks.expiresMs, link.createdMs - KEEP_SPENT_LINKS_MS)),
    db.insert(loginLinks).values(link),
  ]);
}

// Long enough to say "used" or "expired" rather than "invalid" to somebody who comes back to an old link.
const KEEP_SPENT_LINKS_MS = 24 * 3_600_000;

export async function loginLinkByLookup(db: Db, lookup: string): Promise<LoginLinkRow | undefined> {
  return db.select().from(loginLinks).where(eq(loginLinks.lookup, lookup)).get();
}

/** Whether this call was the one that spent it. */
export async function spendLoginLink(db: Db, lookup: string, nowMs: number): Promise<boolean> {
  const row = await db
    .update(loginLinks)
    .set({ usedMs: nowMs })
    .where(and(eq(loginLinks.lookup, lookup), isNull(loginLinks.usedMs), gt(loginLinks.expiresMs, nowMs)))
    .returning({ lookup: loginLinks.lookup })
    .get();
  return row !== undefined;
}
