/**
 * The one table of routes: method, path, who may call it, what it takes and gives. The Worker mounts only
 * what stands here, OpenAPI is made from it, the CLI and the console call through it, and a test walks it.
 */
import * as z from "zod";
import { MAX_PAGE_ITEMS, MAX_SMALL_PAGE_ITEMS } from "../limits.ts";
import type { Role, Scope } from "./access.ts";
import { Groom, GroomBody } from "./grooms.ts";
import { FilesQuery, HostFiles } from "./host-files.ts";
import * as remote from "./remote-hosts.ts";
import * as r from "./resources.ts";
import { HostSshConfig } from "./ssh-config.ts";
import * as s from "./state.ts";
import * as t from "./tasks.ts";

export type Access =
  /** No credential; says why in `because`. */
  | { kind: "open"; because: string }
  /** A person's token or browser session; without a scope, whatever it may do. */
  | { kind: "user"; role: Role; scope?: Scope; stepUp?: true }
  /** A host's own signature. */
  | { kind: "host" }
  /** A person, or an agent with the token of its attempt: within what that may see. */
  | { kind: "user-or-agent"; role: Role; scope: Scope }
  /** A person or a host. */
  | { kind: "user-or-host"; role: Role; scope?: Scope };

export interface RouteSpec {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  access: Access;
  summary: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Absent for streams, sockets and files. */
  result?: z.ZodType;
  status?: 200 | 201 | 202 | 204 | 101;
  /** Which per-address rate limit applies, beyond the per-credential one. */
  rate?: "login" | "join";
  tag: string;
}

const limit = (items: number) => z.coerce.number().int().min(1).max(items);
const cursor = z.string().max(512).optional();
const page = z.strictObject({ limit: limit(MAX_PAGE_ITEMS).optional(), cursor });
/** Of small rows that are wanted whole: whoever names no limit gets all that a page may have. */
const smallPage = z.strictObject({ limit: limit(MAX_SMALL_PAGE_ITEMS).default(MAX_SMALL_PAGE_ITEMS), cursor });
// The narrow return types let a handler's principal be derived from its row.
const user = (role: Role, scope: Scope): { kind: "user"; role: Role; scope: Scope } => ({ kind: "user", role, scope });
const stepUp = (role: Role, scope: Scope): { kind: "user"; role: Role; scope: Scope; stepUp: true } => ({ kind: "user", role, scope, stepUp: true });
/** Whoever has a credential at all: it tells about itself, or ends itself. */
const itself = (): { kind: "user"; role: Role } => ({ kind: "user", role: "viewer" });
const orAgent = (role: Role, scope: Scope): { kind: "user-or-agent"; role: Role; scope: Scope } => ({ kind: "user-or-agent", role, scope });
const open = (because: string): { kind: "open"; because: string } => ({ kind: "open", because });

export const ROUTES = {
  // access
  bootstrap: { method: "POST", path: "/api/v1/bootstrap", access: open("creates the first owner; single use, proven by the bootstrap secret"), summary: "Create the fleet's first owner", body: r.BootstrapBody, result: r.BootstrapResult, status: 201, rate: "login", tag: "access" },
  login: { method: "POST", path: "/api/v1/login", access: open("this is where a credential is presented"), summary: "Open a browser session with a token or a one-time link", body: r.LoginBody, result: r.LoginResult, rate: "login", tag: "access" },
  loginLink: { method: "POST", path: "/api/v1/login-links", access: itself(), summary: "Make a one-time login link for yourself, with this credential's rights", body: r.LoginLinkBody, result: r.LoginLink, status: 201, tag: "access" },
  logout: { method: "POST", path: "/api/v1/logout", access: itself(), summary: "End this browser session and its sockets", status: 204, tag: "access" },
  me: { method: "GET", path: "/api/v1/me", access: { kind: "user-or-host", role: "viewer" }, summary: "Who asks, with which rights", result: r.Me, tag: "access" },
  tokens: { method: "GET", path: "/api/v1/tokens", access: user("owner", "admin"), summary: "List API tokens", query: page, result: r.list(r.Token), tag: "access" },
  tokenCreate: { method: "POST", path: "/api/v1/tokens", access: stepUp("owner", "admin"), summary: "Create an API token; its secret is shown once", body: r.TokenBody, result: r.TokenCreated, status: 201, tag: "access" },
  tokenRevoke: { method: "DELETE", path: "/api/v1/tokens/:id", access: stepUp("owner", "admin"), summary: "Revoke a token; its open sockets close within 5 s", status: 204, tag: "access" },
  members: { method: "GET", path: "/api/v1/members", access: user("owner", "admin"), summary: "List members", query: page, result: r.list(r.Member), tag: "access" },
  memberCreate: { method: "POST", path: "/api/v1/members", access: stepUp("owner", "admin"), summary: "Add a member; the answer holds their login link", body: r.MemberBody, result: z.object({ member: r.Member, login: r.LoginLink }), status: 201, tag: "access" },
  memberUpdate: { method: "PATCH", path: "/api/v1/members/:id", access: stepUp("owner", "admin"), summary: "Rename a member or change the role", body: r.MemberPatch, result: r.Member, tag: "access" },
  memberRemove: { method: "DELETE", path: "/api/v1/members/:id", access: stepUp("owner", "admin"), summary: "Remove a member with their tokens and sessions", status: 204, tag: "access" },
  ticket: { method: "POST", path: "/api/v1/tickets", access: itself(), summary: "A single-use ticket for one socket, 30 s; it takes the scope of what it opens", body: r.TicketBody, result: r.Ticket, status: 201, tag: "access" },

  // hosts
  hosts: { method: "GET", path: "/api/v1/hosts", access: { kind: "user-or-host", role: "viewer", scope: "hosts:read" }, summary: "List hosts", query: smallPage, result: r.list(r.Host), tag: "hosts" },
  host: { method: "GET", path: "/api/v1/hosts/:id", access: user("viewer", "hosts:read"), summary: "One host", result: r.Host, tag: "hosts" },
  hostAdd: { method: "POST", path: "/api/v1/hosts", access: user("owner", "hosts:write"), summary: "Add a host that a linked one reaches by ssh or tailscale", body: remote.RemoteHostBody, result: r.Host, status: 201, tag: "hosts" },
  hostUpdate: { method: "PATCH", path: "/api/v1/hosts/:id", access: user("owner", "hosts:write"), summary: "Rename a host, change its labels, or how a remote one is reached", body: r.HostPatch, result: r.Host, tag: "hosts" },
  hostRemove: { method: "DELETE", path: "/api/v1/hosts/:id", access: user("owner", "hosts:write"), summary: "Remove a host; its identity stops working at once", status: 204, tag: "hosts" },
  hostJoinCreate: { method: "POST", path: "/api/v1/hosts/joins", access: stepUp("owner", "hosts:enroll"), summary: "Make a join token and the line to paste", body: r.JoinCreateBody, result: r.JoinCreated, status: 201, tag: "hosts" },
  hostJoin: { method: "POST", path: "/api/v1/hosts/join", access: open("a new machine has nothing but its join token"), summary: "Enrol this machine", body: r.JoinBody, result: r.JoinResult, rate: "join", tag: "hosts" },
  hostDrain: { method: "POST", path: "/api/v1/hosts/:id/drain", access: user("operator", "agents:write"), summary: "Take no new sessions or work", result: r.Host, tag: "hosts" },
  hostResume: { method: "POST", path: "/api/v1/hosts/:id/resume", access: user("operator", "agents:write"), summary: "Take work again", result: r.Host, tag: "hosts" },
  hostUnlock: { method: "POST", path: "/api/v1/hosts/:id/unlock", access: user("owner", "hosts:write"), summary: "Unlock an identity that was seen twice", result: r.Host, tag: "hosts" },
  hostCheckUnsaved: { method: "POST", path: "/api/v1/hosts/check", access: user("operator", "agents:write"), summary: "Check whether a host can be reached as a record says that is not saved; accepting its key takes hosts:write", body: remote.HostCheckBody, result: remote.HostCheck, tag: "hosts" },
  hostCheck: { method: "POST", path: "/api/v1/hosts/:id/check", access: user("operator", "agents:write"), summary: "Check whether a remote host can be reached and has what agents need; accepting its key takes hosts:write", body: remote.SavedHostCheckBody, result: remote.HostCheck, tag: "hosts" },
  hostFiles: { method: "GET", path: "/api/v1/hosts/:id/files", access: user("operator", "terminals:write"), summary: "List a directory of a host, tell of a file or read one; for whoever may open a terminal there", query: FilesQuery, result: HostFiles, tag: "hosts" },
  hostSshConfig: { method: "GET", path: "/api/v1/hosts/:id/ssh-config", access: user("owner", "hosts:write"), summary: "The Hosts of a linked host's own ~/.ssh/config, for whoever may add remote hosts over it", result: HostSshConfig, tag: "hosts" },
  hostCarried: { method: "GET", path: "/api/v1/hosts/self/carried", access: { kind: "host" }, summary: "The remote hosts that this host carries", result: r.list(remote.CarriedHost), tag: "hosts" },
  hostCarry: { method: "POST", path: "/api/v1/hosts/self/carried/:id", access: { kind: "host" }, summary: "Give the link of a remote host that this host carries its keys", body: remote.CarryBody, status: 204, tag: "hosts" },
  hostKey: { method: "POST", path: "/api/v1/hosts/self/key", access: { kind: "host" }, summary: "Rotate this host's signing key; the old one works 24 h longer", body: r.RotateKeyBody, status: 204, tag: "hosts" },
  hostLink: { method: "GET", path: "/api/v1/hosts/self/link", access: { kind: "host" }, summary: "The host's link (WebSocket)", status: 101, tag: "hosts" },

  // agents
  agentTypes: { method: "GET", path: "/api/v1/agent-types", access: user("viewer", "agents:read"), summary: "Agent types, and where their CLI is installed", query: page, result: r.list(r.AgentTypeRow), tag: "agents" },
  agentTypeCreate: { method: "POST", path: "/api/v1/agent-types", access: user("operator", "agents:write"), summary: "Register an agent type", body: r.AgentTypeCreate, result: r.AgentTypeRow, status: 201, tag: "agents" },
  agents: { method: "GET", path: "/api/v1/agents", access: user("viewer", "agents:read"), summary: "List agents", query: smallPage.extend({ host: z.string().max(63).optional(), status: z.enum(["active", "idle", "failed", "all"]).optional(), group: z.string().max(128).optional() }), result: r.list(r.Agent), tag: "agents" },
  agentCreate: { method: "POST", path: "/api/v1/agents", access: user("operator", "agents:write"), summary: "Assign an agent to a workspace", body: r.AgentBody, result: r.Agent, status: 201, tag: "agents" },
  agent: { method: "GET", path: "/api/v1/agents/:id", access: user("viewer", "agents:read"), summary: "One agent", result: r.Agent, tag: "agents" },
  agentUpdate: { method: "PATCH", path: "/api/v1/agents/:id", access: user("operator", "agents:write"), summary: "Change an agent", body: r.AgentPatch, result: r.Agent, tag: "agents" },
  agentRemove: { method: "DELETE", path: "/api/v1/agents/:id", access: user("operator", "agents:write"), summary: "Remove an agent; its workspace stays", status: 204, tag: "agents" },
  agentStart: { method: "POST", path: "/api/v1/agents/:id/start", access: user("operator", "agents:write"), summary: "Start the agent's CLI in a session", body: r.AgentStart, result: r.Session, tag: "agents" },
  agentStop: { method: "POST", path: "/api/v1/agents/:id/stop", access: user("operator", "agents:write"), summary: "End the agent's session", body: r.AgentStop, result: r.Agent, tag: "agents" },
  agentRestart: { method: "POST", path: "/api/v1/agents/:id/restart", access: user("operator", "agents:write"), summary: "Stop, then start", body: r.AgentStart, result: r.Session, tag: "agents" },
  agentReset: { method: "POST", path: "/api/v1/agents/:id/reset", access: user("operator", "agents:write"), summary: "Stop the agent, empty its workspace, fill it again from its type's template", body: r.AgentStop, result: r.AgentReset, tag: "agents" },
  agentGroom: { method: "POST", path: "/api/v1/agents/:id/groom", access: user("operator", "tasks:write"), summary: "Ask the agent's CLI once, read-only, for what it knows, as text", body: GroomBody, result: Groom, status: 201, tag: "agents" },
  groom: { method: "GET", path: "/api/v1/grooms/:id", access: user("viewer", "tasks:read"), summary: "How far a groom is, and its text", result: Groom, tag: "agents" },
  groomCancel: { method: "DELETE", path: "/api/v1/grooms/:id", access: user("operator", "tasks:cancel"), summary: "Cancel a groom", status: 204, tag: "agents" },

  // sessions
  sessions: { method: "GET", path: "/api/v1/sessions", access: user("viewer", "terminals:read"), summary: "List sessions", query: smallPage.extend({ host: z.string().max(63).optional() }), result: r.list(r.Session), tag: "sessions" },
  sessionCreate: { method: "POST", path: "/api/v1/sessions", access: user("operator", "terminals:write"), summary: "Open a session on a host", body: r.SessionBody, result: r.Session, status: 201, tag: "sessions" },
  session: { method: "GET", path: "/api/v1/sessions/:id", access: user("viewer", "terminals:read"), summary: "One session", result: r.Session, tag: "sessions" },
  sessionKill: { method: "DELETE", path: "/api/v1/sessions/:id", access: user("operator", "terminals:write"), summary: "End a session's program, or forget an ended session", status: 204, tag: "sessions" },
  sessionScreen: { method: "GET", path: "/api/v1/sessions/:id/screen", access: user("viewer", "terminals:read"), summary: "The screen as it is now", query: z.strictObject({ format: z.enum(["text", "ansi"]).optional() }), tag: "sessions" },
  sessionInput: { method: "POST", path: "/api/v1/sessions/:id/input", access: user("operator", "terminals:write"), summary: "Type into a session", body: r.InputBody, result: z.object({ accepted: z.int() }), tag: "sessions" },
  sessionAttach: { method: "GET", path: "/api/v1/sessions/:id/attach", access: user("viewer", "terminals:read"), summary: "Attach to a session (WebSocket)", status: 101, tag: "sessions" },

  // tasks
  tasks: { method: "GET", path: "/api/v1/tasks", access: orAgent("viewer", "tasks:read"), summary: "List tasks, newest first", query: page.extend({ status: z.string().max(256).optional(), agent: z.string().max(63).optional(), host: z.string().max(63).optional(), parent: z.string().max(63).optional(), q: z.string().max(128).optional() }), result: r.list(t.Task), tag: "tasks" },
  taskCreate: { method: "POST", path: "/api/v1/tasks", access: orAgent("operator", "tasks:write"), summary: "Dispatch a task to agents, or a command to a host", body: t.TaskBody, result: t.Task, status: 201, tag: "tasks" },
  task: { method: "GET", path: "/api/v1/tasks/:id", access: orAgent("viewer", "tasks:read"), summary: "One task, with its attempts", result: t.TaskDetail, tag: "tasks" },
  taskCancel: { method: "POST", path: "/api/v1/tasks/:id/cancel", access: orAgent("operator", "tasks:cancel"), summary: "Cancel a task, queued or running", body: t.TaskCancel, result: t.Task, tag: "tasks" },
  taskRetry: { method: "POST", path: "/api/v1/tasks/:id/retry", access: user("operator", "tasks:write"), summary: "Run an ended task again: what did not succeed of it", result: t.Task, tag: "tasks" },
  taskCleanup: { method: "POST", path: "/api/v1/tasks/:id/cleanup", access: user("operator", "tasks:write"), summary: "Stop it, collect its log, remove its workspace", body: t.TaskCleanup, result: t.CleanupResult, tag: "tasks" },
  taskWait: { method: "GET", path: "/api/v1/tasks/:id/wait", access: orAgent("viewer", "tasks:read"), summary: "The task, once it has ended or `timeout` seconds (at most 60) are over", query: z.strictObject({ timeout: z.coerce.number().min(0).max(60).optional() }), result: t.Task, tag: "tasks" },
  taskLog: { method: "GET", path: "/api/v1/tasks/:id/log", access: orAgent("viewer", "tasks:read"), summary: "The log of a task's last attempt: bytes; `follow` streams until it ends", query: z.strictObject({ offset: z.coerce.number().int().min(0).optional(), tailLines: z.coerce.number().int().min(0).max(100_000).optional(), follow: z.enum(["true", "false"]).optional(), agent: z.string().max(63).optional() }), tag: "tasks" },
  attemptLog: { method: "GET", path: "/api/v1/attempts/:id/log", access: orAgent("viewer", "tasks:read"), summary: "The log of one attempt", query: z.strictObject({ offset: z.coerce.number().int().min(0).optional(), tailLines: z.coerce.number().int().min(0).max(100_000).optional(), follow: z.enum(["true", "false"]).optional() }), tag: "tasks" },
  attemptImage: { method: "GET", path: "/api/v1/hosts/self/attempts/:id/images/:n", access: { kind: "host" }, summary: "An image of a task, for the host that runs this attempt of it: bytes, the first one is 0", query: z.strictObject({ fence: z.coerce.number().int().min(1), offset: z.coerce.number().int().min(0).optional() }), tag: "tasks" },
  queue: { method: "GET", path: "/api/v1/queue", access: user("viewer", "tasks:read"), summary: "What waits, why, and what runs where", query: page.extend({ agent: z.string().max(63).optional(), task: z.string().max(63).optional(), show: z.enum(["waiting", "processing", "completed"]).optional() }), result: t.Queue, tag: "tasks" },
  agentHealth: { method: "GET", path: "/api/v1/agents/:id/health", access: user("viewer", "agents:read"), summary: "Whether an agent could take a task now, and why not", result: t.AgentHealth, tag: "agents" },

  // state and secrets
  state: { method: "GET", path: "/api/v1/state", access: orAgent("viewer", "state:read"), summary: "List state keys; with `watch=true` follow changes as NDJSON", query: page.extend({ prefix: z.string().max(256).optional(), watch: z.enum(["true", "false"]).optional() }), result: r.list(s.StateEntry), tag: "state" },
  stateFlush: { method: "DELETE", path: "/api/v1/state", access: user("owner", "state:write"), summary: "Delete all state keys", result: z.object({ deleted: z.int() }), tag: "state" },
  stateGet: { method: "GET", path: "/api/v1/state/:key", access: orAgent("viewer", "state:read"), summary: "One key with its value and version", result: s.StateEntry, tag: "state" },
  statePut: { method: "PUT", path: "/api/v1/state/:key", access: orAgent("operator", "state:write"), summary: "Set a key; `If-Match: <version>` sets only that version", body: s.StatePut, result: s.StateEntry, tag: "state" },
  stateDelete: { method: "DELETE", path: "/api/v1/state/:key", access: orAgent("operator", "state:write"), summary: "Delete a key", status: 204, tag: "state" },
  secrets: { method: "GET", path: "/api/v1/secrets", access: user("operator", "tasks:read"), summary: "Names of the fleet's secrets", query: page, result: r.list(s.Secret), tag: "state" },
  secretPut: { method: "PUT", path: "/api/v1/secrets/:name", access: stepUp("owner", "secrets:write"), summary: "Set a secret; its value never comes out again", body: s.SecretPut, result: s.Secret, tag: "state" },
  secretDelete: { method: "DELETE", path: "/api/v1/secrets/:name", access: stepUp("owner", "secrets:write"), summary: "Delete a secret", status: 204, tag: "state" },

  // operations
  events: { method: "GET", path: "/api/v1/events", access: user("viewer", "events:read"), summary: "Follow the fleet's events: WebSocket, else server-sent events", query: z.strictObject({ since: z.string().max(64).optional(), follow: z.enum(["true", "false"]).optional(), limit: z.coerce.number().int().min(1).max(1000).optional() }), tag: "operations" },
  audit: { method: "GET", path: "/api/v1/audit", access: user("owner", "audit:read"), summary: "The audit log, hash-chained", query: page.extend({ after: z.coerce.number().int().min(0).optional() }), result: r.list(r.AuditRecord), tag: "operations" },
  health: { method: "GET", path: "/api/v1/health", access: open("tells that the server answers, and nothing of any fleet"), summary: "Is the server there", result: r.Health, tag: "operations" },
  openapi: { method: "GET", path: "/api/v1/openapi.json", access: open("describes the API; holds no data"), summary: "This API as OpenAPI 3.1", tag: "operations" },
  docs: { method: "GET", path: "/api/docs", access: open("describes the API; holds no data"), summary: "This API, readable", tag: "operations" },
  install: { method: "GET", path: "/install.sh", access: open("a new machine has no credential yet; the script holds none"), summary: "The install script of this very version", tag: "install" },
  problem: { method: "GET", path: "/problems/:code", access: open("describes an error code; holds no data"), summary: "What an error code means", tag: "operations" },
  tarball: { method: "GET", path: "/maestro.tgz", access: open("the published program; holds no data"), summary: "CLI and host-agent of this very version", tag: "install" },
} as const satisfies Record<string, RouteSpec>;

export type RouteName = keyof typeof ROUTES;

export const HEADER_KEY = "x-maestro-key";
export const HEADER_CSRF = "x-maestro-csrf";
export const COOKIE_SECURE = "__Host-maestro";
export const COOKIE_PLAIN = "maestro";
