/** Agents: named instances of a type in a workspace on a host; started, they have a session. */
import { programOf, settingsProblem, type AgentSettings } from "@maestro/shared/contract/agent-settings";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { agentTypeBySlug } from "../db/agent-types.ts";
import { findAgent, insertAgent, listAgents, removeAgent, updateAgent, type AgentRow } from "../db/agents.ts";
import { listHosts } from "../db/hosts.ts";
import { WHOLE } from "../db/page.ts";
import { mayTouchAgent, mayTouchHost } from "../domain/access/permissions.ts";
import { healthOf } from "../domain/dispatch/readiness.ts";
import { inStatusGroup, sessionOfAgent, toAgent } from "../domain/fleet/agent-view.ts";
import { iso } from "../domain/fleet/host-view.ts";
import { checkEnv, checkPath, checkWords } from "../domain/fleet/launch.ts";
import type { PresentHost } from "../domain/events/present.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { hostToMoveTo, madeThere } from "./agent-moves.ts";
import { agentFor, confirmed, refuseRunning, show } from "./agent-place.ts";
import { hostOf, requireType, start, stop } from "./agent-runs.ts";
import { agentNameWithinReach, hostFor, refuseDraining, type Asking } from "./placed-sessions.ts";
import { presentOf, someGone } from "./present-hosts.ts";

const DEFAULT_PRIORITY = 3;

export const agentRoutes = defineRoutes({
  async agents(rx) {
    const { query } = rx;
    const host = query.host === undefined ? undefined : await hostFor(rx, query.host);
    const [page, hosts, present] = await Promise.all([
      listAgents(rx.db, rx.fleet, await rx.page(), { host: host?.id, group: query.group }),
      listHosts(rx.db, rx.fleet, WHOLE),
      presentOf(rx, host?.id),
    ]);
    const names = new Map(hosts.rows.map(({ id, name }) => [String(id), name]));
    const rows = page.rows.filter(
      ({ name, host: id }) => mayTouchAgent(rx.principal, name) && mayTouchHost(rx.principal, names.get(id) ?? ""),
    );
    const at = new Map((await confirmed(rx, present, rows)).map((here) => [here.host, here]));
    const views = rows.map((row) => viewOf(row, { id: row.host, name: names.get(row.host) ?? row.host }, at.get(row.host), rx.nowMs));
    const { status = "all" } = query;
    return rx.list({ rows: views.filter((agent) => inStatusGroup(agent.status, status)), next: page.next }, (agent) => agent);
  },

  async agent(rx) {
    return show(rx, await agentFor(rx, rx.params.id));
  },

  async agentCreate(rx) {
    const { body } = rx;
    const host = await hostFor(rx, body.host);
    refuseDraining(host);
    const name = body.name ?? body.type;
    agentNameWithinReach(rx, name, "name");
    const env = unwrap(checkEnv(body.env));
    const args = unwrap(checkWords(body.args ?? [], "args"));
    const path = unwrap(checkPath(body.workspace, "workspace"));
    refuseSettings(body);
    await requireType(rx, host, body.type);
    await refuseTaken(rx, name, body.name === undefined);
    await rx.audit(name);
    const workspace = await askHost(relayOf(rx.env, rx.fleet, host.id), "workspace.ensure", { t: "workspace.ensure", path });
    const row = await insertAgent(rx.db, {
      id: rx.newId("agent"),
      fleet: rx.fleet,
      name,
      type: body.type,
      host: host.id,
      workspace: workspace.path,
      role: body.role ?? null,
      priority: body.priority ?? DEFAULT_PRIORITY,
      tags: body.tags ?? [],
      model: body.model ?? null,
      env,
      args,
      cwd: body.cwd ?? null,
      program: programOf(body) ?? null,
      createdMs: rx.nowMs,
    });
    await rx.feed.append([
      {
        type: "agent.created",
        subject: row.id,
        summary: `Agent '${name}' was assigned on host '${host.name}'.`,
        data: { name, host: host.name },
      },
    ]);
    return show(rx, row);
  },

  async agentUpdate(rx) {
    const agent = await agentFor(rx, rx.params.id);
    // What is started on a host is for whoever reaches it.
    await hostOf(rx, agent);
    const { body } = rx;
    if (body.name !== undefined) agentNameWithinReach(rx, body.name, "name");
    if (body.env !== undefined) unwrap(checkEnv(body.env));
    if (body.args !== undefined) unwrap(checkWords(body.args, "args"));
    refuseSettings(body);
    const { host: named, bin: _bin, binName: _binName, ...change } = body;
    const host = named === undefined ? undefined : await hostToMoveTo(rx, agent, named);
    await rx.audit(agent.name);
    const moved = host === undefined ? {} : await madeThere(rx, agent, host, change);
    const row = await updateAgent(
      rx.db,
      rx.fleet,
      agent.id,
      { ...change, ...moved, program: programOf(body) },
      rx.nowMs,
      host === undefined ? undefined : agent,
    );
    const shown = await show(rx, row);
    await rx.feed.append([
      {
        type: "agent.updated",
        subject: row.id,
        summary: `Agent '${row.name}' was changed.`,
        data: { name: row.name, host: shown.host.name },
      },
    ]);
    return shown;
  },

  async agentRemove(rx) {
    const agent = await agentFor(rx, rx.params.id);
    const { host } = await refuseRunning(rx, agent);
    await rx.audit(agent.name);
    await removeAgent(rx.db, rx.fleet, agent.id);
    await rx.feed.append([
      {
        type: "agent.removed",
        subject: agent.id,
        summary: `Agent '${agent.name}' was removed.`,
        data: { name: agent.name, host: host.name },
      },
    ]);
  },

  async agentHealth(rx) {
    const agent = await agentFor(rx, rx.params.id);
    const [host, definition, work] = await Promise.all([
      hostOf(rx, agent),
      agentTypeBySlug(rx.db, rx.fleet, agent.type),
      schedulerOf(rx).agentWork(agent.id),
    ]);
    // A link that went with the process that held it told nobody.
    await someGone(rx, [{ id: host.id, connected: true }]);
    const [here] = await rx.feed.hostsNow([host.id]);
    const seenMs = here?.facts.lastSeenMs;
    return healthOf({
      agent: {
        id: agent.id,
        name: agent.name,
        type: agent.type,
        host: host.name,
        definedHere: definition !== undefined,
        workspace: agent.cwd ?? agent.workspace,
        program: agent.program,
      },
      host: {
        id: host.id,
        name: host.name,
        online: here?.facts.connected === true,
        draining: host.draining,
        locked: host.lockedMs !== null,
        carried: host.via !== null,
        ...(seenMs === undefined ? {} : { lastSeenAt: iso(seenMs) }),
      },
      here,
      work,
    });
  },

  async agentStart(rx) {
    const agent = await agentFor(rx, rx.params.id);
    await rx.audit(agent.name);
    return start(rx, agent, rx.body, () => rx.newId("session"));
  },

  async agentStop(rx) {
    const agent = await agentFor(rx, rx.params.id);
    await rx.audit(agent.name);
    if (!(await stop(rx, agent, rx.body.force === true))) throw fail("agent_not_running", `Agent '${agent.name}' is not running.`);
    return show(rx, await findAgent(rx.db, rx.fleet, agent.id));
  },

  async agentRestart(rx) {
    const agent = await agentFor(rx, rx.params.id);
    await rx.audit(agent.name);
    await stop(rx, agent, false);
    return start(rx, await findAgent(rx.db, rx.fleet, agent.id), rx.body, () => rx.newId("session"));
  },
});

function refuseSettings(body: AgentSettings): void {
  const problem = settingsProblem(body);
  if (problem !== undefined) throw new MaestroFailure(problem);
}

function viewOf(agent: AgentRow, host: { id: string; name: string }, present: PresentHost | undefined, nowMs: number) {
  return toAgent(agent, host, sessionOfAgent(agent, present?.sessions ?? []), present?.facts.connected ?? false, nowMs);
}

/** Before anything is made on the host. `defaulted`: nobody chose the name, so the hint shows how to. */
async function refuseTaken(rx: Asking, name: string, defaulted: boolean): Promise<void> {
  const { rows } = await listAgents(rx.db, rx.fleet, WHOLE);
  const names = new Set(rows.map((row) => row.name));
  if (!names.has(name)) return;
  let n = 2;
  while (names.has(`${name}-${n}`)) n += 1;
  throw fail("agent_exists", `An agent named '${name}' exists.`, {
    field: "name",
    hint: defaulted ? `It was named after its type; give a name: --name ${name}-${n}` : `Try --name ${name}-${n}`,
  });
}
