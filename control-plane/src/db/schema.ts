/**
 * What must be listed and searched across objects. Every row carries its fleet; times are Unix milliseconds;
 * secrets appear as digests only. No foreign keys: rows are removed by the code that understands them, and a
 * later table rebuild cannot cascade.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Role, Scope } from "@maestro/shared/contract/access";
import type { RemoteRecord, RemoteTransport } from "@maestro/shared/contract/remote-hosts";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import type { AgentId, BrowserSessionId, FleetId, HostId, MemberId, SessionId, TokenId } from "@maestro/shared/ids";

type StringMap = Record<string, string>;

interface LastCheck {
  ok: boolean;
  atMs: number;
  error?: string;
}

export const fleets = sqliteTable(
  "fleets",
  {
    id: text().$type<FleetId>().primaryKey(),
    name: text().notNull(),
    /** [LK9] Rises with every change of membership. */
    registryVersion: integer("registry_version").notNull().default(1),
    createdMs: integer("created_ms").notNull(),
  },
  (t) => [uniqueIndex("fleets_name").on(t.name)],
);

export const members = sqliteTable(
  "members",
  {
    id: text().$type<MemberId>().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    name: text().notNull(),
    role: text().$type<Role>().notNull(),
    createdMs: integer("created_ms").notNull(),
  },
  (t) => [uniqueIndex("members_fleet_name").on(t.fleet, t.name)],
);

export const tokens = sqliteTable(
  "tokens",
  {
    id: text().$type<TokenId>().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    member: text().$type<MemberId>().notNull(),
    name: text().notNull(),
    /** The `<id12>` of the token text: finds the row, proves nothing. */
    lookup: text().notNull(),
    /** HMAC-SHA256(pepper, secret), hex. */
    digest: text().notNull(),
    role: text().$type<Role>().notNull(),
    scopes: text({ mode: "json" }).$type<Scope[]>().notNull(),
    agents: text(),
    hosts: text(),
    /** The owner's first token: logging in with it counts as a fresh login. */
    bootstrap: integer({ mode: "boolean" }).notNull().default(false),
    createdMs: integer("created_ms").notNull(),
    expiresMs: integer("expires_ms").notNull(),
    /** Coarse: written at most hourly. */
    lastUsedMs: integer("last_used_ms"),
    revokedMs: integer("revoked_ms"),
  },
  (t) => [
    uniqueIndex("tokens_lookup").on(t.lookup),
    uniqueIndex("tokens_fleet_name")
      .on(t.fleet, t.name)
      .where(sql`revoked_ms is null`),
    index("tokens_member").on(t.fleet, t.member),
  ],
);

export const browserSessions = sqliteTable(
  "browser_sessions",
  {
    id: text().$type<BrowserSessionId>().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    member: text().$type<MemberId>().notNull(),
    parent: text().$type<TokenId>(),
    /** Of the cookie and of the origin-scoped key: HMAC-SHA256(pepper, …), hex. */
    digest: text().notNull(),
    keyDigest: text("key_digest").notNull(),
    role: text().$type<Role>().notNull(),
    scopes: text({ mode: "json" }).$type<Scope[]>().notNull(),
    agents: text(),
    hosts: text(),
    createdMs: integer("created_ms").notNull(),
    /** Coarse: written at most every few minutes. */
    lastSeenMs: integer("last_seen_ms").notNull(),
    expiresMs: integer("expires_ms").notNull(),
    stepUpUntilMs: integer("step_up_until_ms"),
  },
  (t) => [
    uniqueIndex("browser_sessions_digest").on(t.digest),
    index("browser_sessions_parent").on(t.parent),
    index("browser_sessions_member").on(t.fleet, t.member),
  ],
);

export const loginLinks = sqliteTable(
  "login_links",
  {
    lookup: text().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    member: text().$type<MemberId>().notNull(),
    parent: text().$type<TokenId>(),
    digest: text().notNull(),
    role: text().$type<Role>().notNull(),
    scopes: text({ mode: "json" }).$type<Scope[]>().notNull(),
    agents: text(),
    hosts: text(),
    /** False when a browser session made it: what a fresh login gives must not renew itself. */
    stepUp: integer("step_up", { mode: "boolean" }).notNull(),
    /** The session it opens ends by then: with the one that made it. Null: a whole session's time from its login. */
    sessionUntilMs: integer("session_until_ms"),
    createdMs: integer("created_ms").notNull(),
    expiresMs: integer("expires_ms").notNull(),
    usedMs: integer("used_ms"),
  },
  (t) => [index("login_links_parent").on(t.parent), index("login_links_expires").on(t.expiresMs)],
);

export const joins = sqliteTable(
  "joins",
  {
    id: text().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    lookup: text().notNull(),
    digest: text().notNull(),
    /** Bound to this name and these labels, where given. */
    name: text(),
    labels: text({ mode: "json" }).$type<StringMap>(),
    createdBy: text("created_by").notNull(),
    createdMs: integer("created_ms").notNull(),
    expiresMs: integer("expires_ms").notNull(),
    usedMs: integer("used_ms"),
    host: text().$type<HostId>(),
  },
  (t) => [uniqueIndex("joins_lookup").on(t.lookup)],
);

export const hosts = sqliteTable(
  "hosts",
  {
    id: text().$type<HostId>().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    name: text().notNull(),
    /** `link`: a host-agent runs there; else the linked host `via` reaches it so and carries its link. */
    transport: text().$type<"link" | RemoteTransport>().notNull(),
    labels: text({ mode: "json" }).$type<StringMap>().notNull(),
    draining: integer({ mode: "boolean" }).notNull().default(false),
    /** base64url, raw Ed25519 and X25519. Empty while nobody carries its link. */
    signingKey: text("signing_key").notNull(),
    sealingKey: text("sealing_key").notNull(),
    /** Still accepted until then, so that a rotation strands nobody. */
    previousKey: text("previous_key"),
    previousUntilMs: integer("previous_until_ms"),
    /** [LK2] Set by the HostRelay, cleared by an operator. */
    lockedReason: text("locked_reason"),
    lockedMs: integer("locked_ms"),
    createdMs: integer("created_ms").notNull(),
    updatedMs: integer("updated_ms").notNull(),
    /** Of a remote host: the linked host that carries it, and how it is reached from there. */
    via: text().$type<HostId>(),
    record: text({ mode: "json" }).$type<RemoteRecord>(),
    enabled: integer({ mode: "boolean" }).notNull().default(true),
    isDefault: integer("is_default", { mode: "boolean" }).notNull().default(false),
    lastCheck: text("last_check", { mode: "json" }).$type<LastCheck>(),
  },
  (t) => [uniqueIndex("hosts_fleet_name").on(t.fleet, t.name), index("hosts_via").on(t.via)],
);

export const agentTypes = sqliteTable(
  "agent_types",
  {
    fleet: text().$type<FleetId>().notNull(),
    slug: text().notNull(),
    definition: text({ mode: "json" }).$type<AgentTypeFile>().notNull(),
    createdMs: integer("created_ms").notNull(),
  },
  (t) => [primaryKey({ columns: [t.fleet, t.slug] })],
);

export const agents = sqliteTable(
  "agents",
  {
    id: text().$type<AgentId>().primaryKey(),
    fleet: text().$type<FleetId>().notNull(),
    name: text().notNull(),
    type: text().notNull(),
    host: text().$type<HostId>().notNull(),
    workspace: text().notNull(),
    role: text(),
    priority: integer().notNull(),
    tags: text({ mode: "json" }).$type<string[]>().notNull(),
    model: text(),
    env: text({ mode: "json" }).$type<StringMap>().notNull(),
    args: text({ mode: "json" }).$type<string[]>().notNull(),
    /** Where its program begins instead of in the workspace. */
    cwd: text(),
    /** What is started instead of its type's CLI: a path, or a name without a slash. */
    program: text(),
    /** The last session it was started in; whether that runs is the host's to say. */
    session: text().$type<SessionId>(),
    createdMs: integer("created_ms").notNull(),
    updatedMs: integer("updated_ms").notNull(),
  },
  (t) => [uniqueIndex("agents_fleet_name").on(t.fleet, t.name), index("agents_host").on(t.fleet, t.host)],
);

/** One row per write that carried an Idempotency-Key; kept for 24 h. */
export const idempotency = sqliteTable(
  "idempotency",
  {
    fleet: text().$type<FleetId>().notNull(),
    credential: text().notNull(),
    key: text().notNull(),
    /** Of method, path and body, hex SHA-256. */
    digest: text().notNull(),
    /** Null while the first request is still at work. */
    status: integer(),
    /** The answer, encrypted: it may hold a secret that is shown once. Until there is one: when it was first asked, where the first who did died. */
    response: text(),
    createdMs: integer("created_ms").notNull(),
  },
  (t) => [primaryKey({ columns: [t.fleet, t.credential, t.key] }), index("idempotency_created").on(t.createdMs)],
);

/** [VW5] Which objects may hold a socket of a credential: revocation is one look-up. */
export const openSockets = sqliteTable(
  "open_sockets",
  {
    fleet: text().$type<FleetId>().notNull(),
    credential: text().notNull(),
    /** What holds it, and the object's name. */
    kind: text().$type<"relay" | "feed" | "scheduler" | "log">().notNull(),
    object: text().notNull(),
    openedMs: integer("opened_ms").notNull(),
  },
  (t) => [primaryKey({ columns: [t.credential, t.kind, t.object] }), index("open_sockets_opened").on(t.openedMs)],
);
