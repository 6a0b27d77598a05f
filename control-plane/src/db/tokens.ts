/** API tokens. The secret itself is never here: only its keyed digest. */
import { and, asc, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import { fail } from "@maestro/shared/errors";
import type { FleetId, TokenId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { toPage, type Page, type PageAsk } from "./page.ts";
import { Remembered } from "./remembered.ts";
import { browserSessions, loginLinks, members, tokens } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type TokenRow = typeof tokens.$inferSelect;
/** With the member as they are now; null when they were removed. */
export type TokenWithMember = { token: TokenRow; member: typeof members.$inferSelect | null };

const LAST_USED_GRAIN_MS = 3_600_000;

const withMember = (db: Db) => db.select({ token: tokens, member: members }).from(tokens).leftJoin(members, eq(members.id, tokens.member));

const used = new Remembered<TokenWithMember>("tokens", "members");

export async function tokenByLookup(db: Db, lookup: string): Promise<TokenWithMember | undefined> {
  const nowMs = Date.now();
  const known = used.get(lookup, nowMs);
  if (known !== undefined) return known;
  const found = await withMember(db).where(eq(tokens.lookup, lookup)).get();
  // One whose use is not noted yet is read again once it is.
  if (found !== undefined && !isTouchDue(found.token, nowMs)) used.set(lookup, found, nowMs);
  return found;
}

/** When this isolate noted a use: of many that come together one is written. */
const noted = new Map<TokenId, number>();
const MAX_NOTED = 5_000;

const isRecent = (usedMs: number | null | undefined, nowMs: number): boolean => (usedMs ?? 0) >= nowMs - LAST_USED_GRAIN_MS;

export const isTouchDue = ({ id, lastUsedMs }: TokenRow, nowMs: number): boolean =>
  !isRecent(lastUsedMs, nowMs) && !isRecent(noted.get(id), nowMs);

export async function tokenById(db: Db, id: TokenId): Promise<TokenWithMember | undefined> {
  return withMember(db).where(eq(tokens.id, id)).get();
}

export async function listTokens(db: Db, fleet: FleetId, ask: PageAsk): Promise<Page<TokenRow>> {
  const rows = await db
    .select()
    .from(tokens)
    .where(and(eq(tokens.fleet, fleet), ask.after === undefined ? undefined : gt(sql`${tokens.id}`, ask.after)))
    .orderBy(asc(tokens.id))
    .limit(ask.limit + 1);
  return toPage(rows, ask, (row) => row.id);
}

/** Throws `token_exists` when a token that was not revoked has the name. */
export async function insertToken(db: Db, token: TokenRow): Promise<TokenRow> {
  try {
    return await db.insert(tokens).values(token).returning().get();
  } catch (error) {
    if (!isUniqueViolation(error, "tokens.name")) throw error;
    throw fail("token_exists", `A token named '${token.name}' exists.`, {
      field: "name",
      hint: "Revoke it first, or choose another name.",
    });
  }
}

/** By id, or by the name of a token that was not revoked. Throws `token_not_found`. */
export async function findToken(db: Db, fleet: FleetId, ref: string): Promise<TokenRow> {
  const row = await db
    .select()
    .from(tokens)
    .where(and(eq(tokens.fleet, fleet), or(eq(sql`${tokens.id}`, ref), and(eq(tokens.name, ref), isNull(tokens.revokedMs)))))
    // An id is meant before a name that looks like one.
    .orderBy(sql`${tokens.id} = ${ref} desc`)
    .limit(1)
    .get();
  if (row === undefined) throw fail("token_not_found", `No token '${ref.slice(0, 64)}'.`, { hint: "List them with GET /api/v1/tokens." });
  return row;
}

/**
 * Revokes the token, and with it the browser sessions it opened, in one transaction with the login links it made.
 * Returns every credential whose sockets must close now; revoking twice finds them again.
 */
export async function revokeToken(db: Db, fleet: FleetId, id: TokenId, nowMs: number): Promise<string[]> {
  const [, sessions] = await db.batch([
    db
      .update(tokens)
      .set({ revokedMs: nowMs })
      .where(and(eq(tokens.fleet, fleet), eq(tokens.id, id), isNull(tokens.revokedMs))),
    db
      .select({ id: browserSessions.id })
      .from(browserSessions)
      .where(and(eq(browserSessions.fleet, fleet), eq(browserSessions.parent, id))),
    db.delete(loginLinks).where(and(eq(loginLinks.fleet, fleet), eq(loginLinks.parent, id))),
  ]);
  return [id, ...sessions.map((row) => row.id)];
}

/** Coarse on purpose: a write per request would be a write per request. */
export async function touchToken(db: Db, id: TokenId, nowMs: number): Promise<void> {
  if (isRecent(noted.get(id), nowMs)) return;
  if (noted.size >= MAX_NOTED) noted.clear();
  noted.set(id, nowMs);
  try {
    await db
      .update(tokens)
      .set({ lastUsedMs: nowMs })
      .where(and(eq(tokens.id, id), or(isNull(tokens.lastUsedMs), lt(tokens.lastUsedMs, nowMs - LAST_USED_GRAIN_MS))));
  } catch (cause) {
    noted.delete(id);
    throw cause;
  }
}
