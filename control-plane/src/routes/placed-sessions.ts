/** What several routes need to know at once: hosts with their sessions, within the reach of whoever asks. */
import { fail } from "@maestro/shared/errors";
import { isId, type FleetId } from "@maestro/shared/ids";
import { agentsByIds, listAgents, type AgentRow } from "../db/agents.ts";
import type { Db } from "../db/client.ts";
import { findHost, hostsByIds, listHosts, type HostRow } from "../db/hosts.ts";
import { WHOLE } from "../db/page.ts";
import type { Config } from "../config.ts";
import { mayTouchAgent, mayTouchHost, mayTouchSession, withinLimits } from "../domain/access/permissions.ts";
import type { UserPrincipal } from "../domain/access/principal.ts";
import type { PresentHost } from "../domain/events/present.ts";
import { hostPresence } from "../domain/fleet/host-view.ts";
import { findSession, type PlacedSession } from "../domain/fleet/session-view.ts";
import { unwrap } from "../http/define-route.ts";
import type { Feed } from "../objects/feed.ts";
import { presentOf, someGone } from "./present-hosts.ts";

/** Sessions that one name or prefix may mean before the whole list is cheaper; their ids have to fit one statement of D1. */
const MAX_CANDIDATES = 50;

/** The parts of a route's context that are the same for every route of people. */
export interface Asking {
  env: Env;
  config: Config;
  db: Db;
  fleet: FleetId;
  principal: UserPrincipal;
  feed: DurableObjectStub<Feed>;
  nowMs: number;
}

/** As the projection has them, in no particular order; only what the credential's selectors let it see. */
export async function placedSessions(rx: Asking, host?: HostRow): Promise<PlacedSession[]> {
  const [present, hosts, agents] = await Promise.all([
    presentOf(rx, host?.id),
    host === undefined ? listHosts(rx.db, rx.fleet, WHOLE).then(({ rows }) => rows) : [host],
    listAgents(rx.db, rx.fleet, WHOLE, host === undefined ? {} : { host: host.id }).then(({ rows }) => rows),
  ]);
  return place(rx, present, hosts, agents);
}

/** What is beyond the credential's reach, or on a host that was removed a moment ago, is left out. */
function place(rx: Asking, present: readonly PresentHost[], hosts: readonly HostRow[], agents: readonly AgentRow[]): PlacedSession[] {
  const names = new Map(hosts.map(({ id, name }) => [String(id), name]));
  const agentRows = new Map(agents.map((agent) => [String(agent.id), agent]));
  return present.flatMap((at) => {
    const name = names.get(at.host);
    if (name === undefined || !mayTouchHost(rx.principal, name)) return [];
    const placed = { id: at.host, name, ...standing(rx, at) };
    return at.sessions.flatMap((info) => {
      const row = info.agent === undefined ? undefined : agentRows.get(info.agent);
      // A host speaks for its own agents only.
      const agent = row?.host === at.host ? { id: row.id, name: row.name } : undefined;
      return mayTouchSession(rx.principal, agent?.name) ? [{ info, host: placed, agent }] : [];
    });
  });
}

const standing = (rx: Asking, { facts }: PresentHost): Pick<PlacedSession["host"], "status" | "connected"> => ({
  status: hostPresence(facts, rx.nowMs, rx.config.timeScale),
  connected: facts.connected,
});

/** For people to read: with what is true of their hosts now. */
export async function confirmed(rx: Asking, sessions: PlacedSession[]): Promise<PlacedSession[]> {
  const hosts = sessions.map(({ host }) => host);
  if (!(await someGone(rx, hosts))) return sessions;
  const [only, ...others] = new Set(hosts.map(({ id }) => id));
  const present = new Map((await presentOf(rx, others.length === 0 ? only : undefined)).map((at) => [at.host, at]));
  return sessions.map((placed) => {
    const at = present.get(placed.host.id);
    return at === undefined ? placed : { ...placed, host: { ...placed.host, ...standing(rx, at) } };
  });
}

/** By name, id or unique id prefix; throws `session_not_found` or `ambiguous`. */
export async function sessionFor(rx: Asking, ref: string): Promise<PlacedSession> {
  const few = await placedCandidates(rx, ref);
  // The whole list is read for a refusal only, which names what is near, and for a name that very many share.
  return unwrap(findSession(few.length > 0 ? few : await placedSessions(rx), ref));
}

/** None when there are too many to look at one by one. */
async function placedCandidates(rx: Asking, ref: string): Promise<PlacedSession[]> {
  const present = await rx.feed.findSessions(ref, MAX_CANDIDATES);
  const sessions = present.flatMap((at) => at.sessions);
  if (sessions.length === 0 || sessions.length >= MAX_CANDIDATES) return [];
  const agentIds = sessions.flatMap(({ agent }) => (agent !== undefined && isId("agent", agent) ? [agent] : []));
  const [hosts, agents] = await Promise.all([
    hostsByIds(
      rx.db,
      rx.fleet,
      present.flatMap(({ host }) => (isId("host", host) ? [host] : [])),
    ),
    agentIds.length === 0 ? [] : agentsByIds(rx.db, rx.fleet, agentIds),
  ]);
  return place(rx, present, hosts, agents);
}

/** By name, id or prefix, within reach. Without a name: the only host there is. */
export async function hostFor(rx: Asking, ref: string | undefined): Promise<HostRow> {
  if (ref !== undefined) return withinReach(rx, await findHost(rx.db, rx.fleet, ref));
  const { rows } = await listHosts(rx.db, rx.fleet, WHOLE);
  const [only, second] = rows.filter(({ name }) => mayTouchHost(rx.principal, name));
  if (only === undefined)
    throw fail("host_not_found", "No host has joined yet.", { field: "host", hint: "Join one: the console's hosts page shows the line." });
  if (second !== undefined)
    throw fail(
      "ambiguous",
      `Several hosts are here: ${rows
        .map(({ name }) => name)
        .slice(0, 10)
        .join(", ")}.`,
      { field: "host", hint: "Say which one: --host." },
    );
  return only;
}

/** What becomes of a host concerns everybody's agents there: who is limited to some changes nothing of it. */
export function wholeHosts(rx: Pick<Asking, "principal">): void {
  unwrap(withinLimits(rx.principal, { hosts: rx.principal.hosts }));
}

export async function wholeHost(rx: Asking, ref: string): Promise<HostRow> {
  wholeHosts(rx);
  return hostFor(rx, ref);
}

export function withinReach(rx: Pick<Asking, "principal">, host: HostRow): HostRow {
  hostNameWithinReach(rx, host.name);
  return host;
}

/** @param field of the body the name is in, where it is. */
export function hostNameWithinReach({ principal }: Pick<Asking, "principal">, name: string, field = "hosts"): void {
  if (mayTouchHost(principal, name)) return;
  throw fail("scope_missing", `'${principal.name}' is limited to hosts '${principal.hosts ?? "*"}'.`, {
    field,
    hint: "Use a credential whose host selector covers it.",
  });
}

export function agentWithinReach(rx: Pick<Asking, "principal">, agent: AgentRow): AgentRow {
  agentNameWithinReach(rx, agent.name);
  return agent;
}

/** @param field of the body the name is in, where it is. */
export function agentNameWithinReach(rx: Pick<Asking, "principal">, name: string, field = "agents"): void {
  if (!mayTouchAgent(rx.principal, name)) throw agentsOnly(rx, field, "Use a credential whose agent selector covers it.");
}

export function shellWithinReach(rx: Pick<Asking, "principal">): void {
  if (!mayTouchSession(rx.principal, undefined))
    throw agentsOnly(rx, "agents", "Start one of those agents, or use a credential without an agent selector.");
}

const agentsOnly = ({ principal }: Pick<Asking, "principal">, field: string, hint: string): Error =>
  fail("scope_missing", `'${principal.name}' is limited to agents '${principal.agents ?? "*"}'.`, { field, hint });

export function refuseDraining(host: HostRow): void {
  if (host.draining)
    throw fail("host_draining", `Host '${host.name}' takes no new work.`, { hint: `Resume it first: maestro host resume ${host.name}` });
}
