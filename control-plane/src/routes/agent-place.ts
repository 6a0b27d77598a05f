/** Where an agent is, and whether it is at rest there. */
import { fail } from "@maestro/shared/errors";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { findAgent, type AgentRow } from "../db/agents.ts";
import type { HostRow } from "../db/hosts.ts";
import type { PresentHost } from "../domain/events/present.ts";
import { isAwaited, sessionOfAgent, toAgent } from "../domain/fleet/agent-view.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { hostOf } from "./agent-runs.ts";
import { agentWithinReach, type Asking } from "./placed-sessions.ts";
import { presentOf, someGone } from "./present-hosts.ts";

export interface Place {
  host: HostRow;
  session: SessionInfo | undefined;
  connected: boolean;
}

export async function agentFor(rx: Asking, ref: string): Promise<AgentRow> {
  return agentWithinReach(rx, await findAgent(rx.db, rx.fleet, ref));
}

export async function show(rx: Asking, agent: AgentRow) {
  const { host, session, connected } = await look(rx, agent);
  return toAgent(agent, { id: host.id, name: host.name }, session, connected, rx.nowMs);
}

export async function look(rx: Asking, agent: AgentRow): Promise<Place> {
  const [host, present] = await Promise.all([hostOf(rx, agent), presentOf(rx, agent.host)]);
  const [now] = await confirmed(rx, present, [agent]);
  return { host, session: sessionOfAgent(agent, now?.sessions ?? []), connected: now?.facts.connected ?? false };
}

export async function refuseRunning(rx: Asking, agent: AgentRow): Promise<Place> {
  const place = await look(rx, agent);
  const { host, session, connected } = place;
  if ((session !== undefined && session.end === undefined) || isAwaited(agent, session, rx.nowMs))
    throw fail(
      "agent_running",
      connected ? `Agent '${agent.name}' is running.` : `Agent '${agent.name}' may be running: its host is away.`,
      {
        hint: connected
          ? `Stop it first: maestro agent stop ${agent.name}`
          : `Stop it once host '${host.name}' is back; a host that is gone for good takes its agents along: maestro host remove ${host.name}`,
      },
    );
  await refuseAtWork(rx, agent);
  return place;
}

export async function refuseAtWork(rx: Asking, agent: AgentRow): Promise<void> {
  const { running } = await schedulerOf(rx).agentWork(agent.id);
  if (running.length > 0)
    throw fail("agent_running", `Agent '${agent.name}' works at ${running.join(", ")}.`, {
      hint: `Wait for it, or cancel it first: maestro task cancel ${running[0] ?? ""}`,
    });
}

/** For people to read: with what is true now of the hosts of the agents they are shown. */
export async function confirmed(rx: Asking, present: PresentHost[], agents: readonly AgentRow[]): Promise<PresentHost[]> {
  const at = new Map(present.map((here) => [here.host, here]));
  // Of one that was never started nothing depends on its host.
  const started = agents.filter(
    (agent) => agent.session !== null || sessionOfAgent(agent, at.get(agent.host)?.sessions ?? []) !== undefined,
  );
  const shown = [...new Set(started.map(({ host }) => String(host)))].flatMap((host) => at.get(host) ?? []);
  const gone = await someGone(
    rx,
    shown.map(({ host, facts }) => ({ id: host, connected: facts.connected })),
  );
  return gone ? presentOf(rx, shown.length === 1 ? shown[0]?.host : undefined) : present;
}
