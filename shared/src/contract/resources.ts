/** What the API takes and gives. Times are ISO-8601 UTC; `z.strictObject` refuses unknown fields. */
import * as z from "zod";
import { agentSettings } from "./agent-settings.ts";
import { AgentTypeFile, AgentTypeReport, Slug } from "./agent-types.ts";
import { EnvMap, Labels } from "./maps.ts";
import { RemotePatch, RemoteRecord, TRANSPORTS } from "./remote-hosts.ts";
import { Role, Scope } from "./access.ts";
import { Metrics, Platform } from "../protocol/link.ts";
import { Backend, Cols, Rows, SessionEnd } from "../protocol/session.ts";
import { JOIN_TTL_MAX_MS, TOKEN_TTL_MAX_DAYS } from "../limits.ts";

const Time = z.iso.datetime();
export { EnvMap, Labels };

export const list = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().optional() });
export const Empty = z.object({});

// ---- access ---------------------------------------------------------------------------------

export const BootstrapBody = z.strictObject({ secret: z.string().max(128), name: z.string().min(1).max(64).optional() });
export const TokenSecret = z.object({ id: z.string(), name: z.string(), token: z.string(), expiresAt: Time });
export const BootstrapResult = z.object({ fleet: z.string(), member: z.string(), token: TokenSecret });

/** Exactly one of the two. */
export const LoginBody = z.strictObject({ token: z.string().max(256).optional(), link: z.string().max(256).optional() });
/** The cookie comes beside it. `key` goes into every request's `X-Maestro-Key`, `csrf` into every write's `X-Maestro-CSRF`. */
export const LoginResult = z.object({ key: z.string(), csrf: z.string(), expiresAt: Time, stepUpUntil: Time.optional() });
export const LoginLinkBody = z.strictObject({ path: z.string().max(512).startsWith("/").optional() });
export const LoginLink = z.object({ url: z.string(), expiresAt: Time });

export const Me = z.object({
  fleet: z.object({ id: z.string(), name: z.string() }),
  principal: z.object({ kind: z.enum(["token", "browser", "host", "agent"]), id: z.string(), name: z.string(), role: Role.optional(), member: z.string().optional() }),
  scopes: z.array(z.string()),
  expiresAt: Time.optional(),
  stepUpUntil: Time.optional(),
  csrf: z.string().optional(),
  server: z.object({ version: z.string(), protocol: z.object({ min: z.int(), max: z.int() }), time: Time }),
});
export type Me = z.infer<typeof Me>;

export const TokenBody = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}$/),
  role: Role.optional(),
  scopes: z.array(Scope).min(1).optional(),
  /** Globs of agent names it may touch. */
  agents: z.string().max(256).optional(),
  /** Glob of host names it may touch. */
  hosts: z.string().max(256).optional(),
  expiresInDays: z.int().min(1).max(TOKEN_TTL_MAX_DAYS).optional(),
});
export const Token = z.object({
  id: z.string(), name: z.string(), role: Role, scopes: z.array(z.string()), agents: z.string().optional(), hosts: z.string().optional(),
  createdAt: Time, expiresAt: Time, lastUsedAt: Time.optional(), revokedAt: Time.optional(), member: z.string(),
});
export type Token = z.infer<typeof Token>;
export const TokenCreated = z.object({ token: Token, secret: z.string() });

export const MemberBody = z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}$/), role: Role });
export const MemberPatch = z.strictObject({ name: MemberBody.shape.name.optional(), role: Role.optional() });
export const Member = z.object({ id: z.string(), name: z.string(), role: Role, createdAt: Time });
export type Member = z.infer<typeof Member>;

/** `session`: to attach to one; `feed`: to follow events. */
export const TicketBody = z.strictObject({ session: z.string().max(40).optional(), feed: z.literal(true).optional() });
export const Ticket = z.object({ ticket: z.string(), expiresAt: Time });

// ---- hosts ----------------------------------------------------------------------------------

export const Presence = z.enum(["online", "stale", "lost", "never"]);
export type Presence = z.infer<typeof Presence>;

export const Host = z.object({
  id: z.string(), name: z.string(),
  /** `link`: a host-agent runs there. Otherwise it is remote: the linked host `via` reaches it so, and what follows of its record is there. */
  transport: z.enum(["link", ...TRANSPORTS]), status: Presence, labels: Labels,
  via: z.object({ id: z.string(), name: z.string() }).optional(),
  ...RemoteRecord.omit({ transport: true }).partial().shape,
  /** Of a remote host: whether it is carried at all. */
  enabled: z.boolean().optional(),
  /** Marked as the one to choose; nothing is chosen by it. */
  default: z.literal(true).optional(),
  /** Of a remote host, once it was checked. `error`: what failed first. */
  lastCheck: z.object({ ok: z.boolean(), at: Time, error: z.string().optional() }).optional(),
  draining: z.boolean(),
  /** [LK2] Set when two copies of the identity appeared; an operator unlocks it. */
  locked: z.object({ reason: z.string(), at: Time }).optional(),
  lastSeenAt: Time.optional(), createdAt: Time,
  agentVersion: z.string().optional(), platform: Platform.optional(), capabilities: z.array(z.string()), roots: z.array(z.string()),
  metrics: Metrics.optional(), sessions: z.int(), policyDigest: z.string().optional(),
});
export type Host = z.infer<typeof Host>;
/** Of a linked host: `name`, `labels` and `default` only. */
export const HostPatch = RemotePatch.extend({
  name: Slug.optional(), labels: Labels.optional(), via: z.string().max(63).optional(), enabled: z.boolean().optional(), default: z.boolean().optional(),
});
export type HostPatch = z.infer<typeof HostPatch>;

export const JoinCreateBody = z.strictObject({
  name: Slug.optional(), labels: Labels.optional(), ttlSeconds: z.int().min(30).max(JOIN_TTL_MAX_MS / 1000).optional(),
});
/** `line` is what a person pastes on the new machine; the token is in it as an environment assignment, never as an argument. */
export const JoinCreated = z.object({ id: z.string(), token: z.string(), expiresAt: Time, url: z.string(), line: z.string(), pin: z.string().optional() });

/** Enrolment in two calls: without `proof` the answer is a nonce; with it, the host. Keys are base64url, raw. */
export const JoinBody = z.strictObject({
  token: z.string().max(256),
  name: z.string().max(63).optional(),
  /** Nobody chose `name`: one that the token brings wins, and a taken one gets a number. */
  suggested: z.boolean().optional(),
  labels: Labels.optional(),
  signingKey: z.string().max(64),
  sealingKey: z.string().max(64),
  nonce: z.string().max(256).optional(),
  /** Ed25519 over `maestro-join-v1\n<origin>\n<nonce>\n<signingKey>\n<sealingKey>`, base64url. */
  proof: z.string().max(128).optional(),
});
export const JoinResult = z.discriminatedUnion("step", [
  z.object({ step: z.literal("prove"), nonce: z.string() }),
  z.object({ step: z.literal("joined"), host: z.object({ id: z.string(), name: z.string() }), fleet: z.string(), origin: z.string(), serverTime: Time }),
]);
/** A new key, signed by the old one. Sent by the host itself over its signed HTTP identity. */
export const RotateKeyBody = z.strictObject({ signingKey: z.string().max(64), proof: z.string().max(128) });

// ---- agents ---------------------------------------------------------------------------------

export const AgentTypeRow = z.object({ slug: z.string(), adapter: z.string(), mode: z.string().optional(), source: z.enum(["builtin", "file", "api"]), capabilities: z.array(z.string()), hosts: z.array(z.object({ host: z.string(), name: z.string(), report: AgentTypeReport })) });
export const AgentTypeCreate = AgentTypeFile;
export type AgentTypeRow = z.infer<typeof AgentTypeRow>;

export const AgentStatus = z.enum(["idle", "starting", "working", "failed", "unknown"]);
export const Agent = z.object({
  id: z.string(), name: z.string(), type: z.string(), host: z.object({ id: z.string(), name: z.string() }),
  workspace: z.string(), role: z.string().optional(), priority: z.int(), tags: z.array(z.string()),
  /** `cwd`: it works there instead; `bin` or `binName`: what is started instead of its type's CLI. */
  cwd: z.string().optional(), bin: z.string().optional(), binName: z.string().optional(),
  model: z.string().optional(), env: EnvMap, args: z.array(z.string()),
  status: AgentStatus,
  session: z.string().optional(),
  lastExit: SessionEnd.optional(),
  createdAt: Time, updatedAt: Time,
});
export type Agent = z.infer<typeof Agent>;
export const AgentBody = z.strictObject({
  /** Default: the type's slug. */
  name: Slug.optional(),
  type: Slug,
  /** Name or id; default: the fleet's only host. */
  host: z.string().max(63).optional(),
  workspace: z.string().min(1).max(4096),
  role: z.string().max(64).optional(),
  priority: z.int().min(1).max(5).optional(),
  tags: z.array(z.string().max(64)).max(32).optional(),
  model: z.string().max(128).optional(),
  env: EnvMap.optional(),
  args: z.array(z.string().max(4096)).max(64).optional(),
  ...agentSettings,
});
/** `host`: it moves there, its directory is made there, and what it has on the host before stays; refused while it works. */
export const AgentPatch = z.strictObject({
  name: Slug.optional(), host: z.string().max(63).optional(), ...agentSettings, role: z.string().max(64).nullable().optional(), priority: z.int().min(1).max(5).optional(),
  tags: z.array(z.string().max(64)).max(32).optional(), model: z.string().max(128).nullable().optional(), env: EnvMap.optional(), args: z.array(z.string().max(4096)).max(64).optional(),
});
export type AgentPatch = z.infer<typeof AgentPatch>;
export const AgentStart = z.strictObject({ cols: Cols.optional(), rows: Rows.optional(), backend: z.enum(["auto", "tmux", "pty"]).optional() });
export const AgentStop = z.strictObject({ force: z.boolean().optional() });
/** `template`: what its workspace was filled from again; `removed`: how many entries of it were there before. */
export const AgentReset = z.object({ agent: Agent, removed: z.int(), template: z.string().optional() });

// ---- sessions -------------------------------------------------------------------------------

export const Session = z.object({
  id: z.string(), name: z.string(), host: z.object({ id: z.string(), name: z.string(), status: Presence }), agent: z.object({ id: z.string(), name: z.string() }).optional(),
  backend: Backend, title: z.string(), cwd: z.string(), command: z.string(), cols: Cols, rows: Rows,
  status: z.enum(["running", "ended", "unreachable"]), end: SessionEnd.optional(),
  createdAt: Time, lastActivityAt: Time,
});
export type Session = z.infer<typeof Session>;
export const SessionBody = z.strictObject({
  host: z.string().max(63).optional(),
  name: z.string().min(1).max(63).optional(),
  argv: z.array(z.string().max(16_384)).max(256).optional(),
  cwd: z.string().max(4096).optional(),
  env: EnvMap.optional(),
  cols: Cols.optional(),
  rows: Rows.optional(),
  backend: z.enum(["auto", "tmux", "pty", "echo"]).optional(),
});
/** Exactly one of the two; ≤ 47 KiB. */
export const InputBody = z.strictObject({ text: z.string().max(49_152).optional(), base64: z.string().max(65_536).optional() });

// ---- operations -----------------------------------------------------------------------------

export const EVENT_TYPES = [
  "host.joined", "host.added", "host.online", "host.stale", "host.lost", "host.locked", "host.unlocked", "host.updated", "host.removed", "host.draining", "host.resumed", "host.key_rotated",
  "agent.created", "agent.updated", "agent.removed", "agent.started", "agent.stopped",
  "session.created", "session.updated", "session.ended", "session.removed",
  "task.created", "task.started", "task.waiting", "task.finished", "task.removed",
  "types.changed", "token.created", "token.revoked", "member.changed", "alert",
] as const;
/** [EV2] Ids and summaries only. `seq` is the fleet's number; `id` is what `Last-Event-ID` takes. */
export const FleetEvent = z.object({
  id: z.string(), seq: z.int(), at: Time, type: z.string(), subject: z.string(),
  summary: z.string().max(512), data: z.record(z.string(), z.unknown()).optional(),
});
export type FleetEvent = z.infer<typeof FleetEvent>;

export const AuditRecord = z.object({
  seq: z.int(), at: Time, actor: z.string(), credential: z.string(), ip: z.string(), action: z.string(), target: z.string(),
  outcome: z.enum(["ok", "denied", "failed"]), code: z.string().optional(), requestId: z.string(),
  /** SHA-256 over the previous record's hash and this record's canonical form; hex. */
  hash: z.string(),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

export const Health = z.object({ status: z.literal("ok"), version: z.string(), bootstrapped: z.boolean(), protocol: z.object({ min: z.int(), max: z.int() }), time: Time });
