/**
 * What a credential may do at this moment, as one row of columns with names of their own: a batch of D1 answers rows as
 * objects, in which two columns of one name are one.
 */
import type { Role } from "@maestro/shared/contract/access";
import type { BrowserSessionId, TokenId } from "@maestro/shared/ids";
import { eq, sql } from "drizzle-orm";
import type { Db } from "./client.ts";
import { browserSessions, members, tokens } from "./schema.ts";

export interface Standing {
  role: Role;
  /** Null: the member was removed. */
  memberRole: Role | null;
  /** Of the token itself, or of the one that a browser session hangs on. */
  revokedMs: number | null;
}

const memberRole = sql<Role | null>`${members.role}`.as("member_role");

export const tokenStanding = (db: Db, id: TokenId) =>
  db
    .select({ role: sql<Role>`${tokens.role}`.as("own_role"), memberRole, revokedMs: tokens.revokedMs })
    .from(tokens)
    .leftJoin(members, eq(members.id, tokens.member))
    .where(eq(tokens.id, id));

export const sessionStanding = (db: Db, id: BrowserSessionId) =>
  db
    .select({ role: sql<Role>`${browserSessions.role}`.as("own_role"), memberRole, revokedMs: tokens.revokedMs })
    .from(browserSessions)
    .leftJoin(members, eq(members.id, browserSessions.member))
    .leftJoin(tokens, eq(tokens.id, browserSessions.parent))
    .where(eq(browserSessions.id, id));
