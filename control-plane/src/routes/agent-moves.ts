/** An agent that is given another host. */
import { isFinal, TASK_STATES } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import type { AgentChange, AgentRow } from "../db/agents.ts";
import type { HostRow } from "../db/hosts.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { refuseRunning } from "./agent-place.ts";
import { requireType } from "./agent-runs.ts";
import { hostFor, refuseDraining, type Asking } from "./placed-sessions.ts";

const OPEN_STATES = TASK_STATES.filter((state) => !isFinal(state));

/** [SSH13] Undefined: it is there already. One that is named and missing is refused, as is one that could not run it. */
export async function hostToMoveTo(rx: Asking, agent: AgentRow, ref: string): Promise<HostRow | undefined> {
  const host = await hostFor(rx, ref);
  if (host.id === agent.host) return undefined;
  refuseDraining(host);
  await refuseRunning(rx, agent);
  const waiting = await schedulerOf(rx).tasks({ agent: agent.id, status: [...OPEN_STATES], limit: 1, reach: {} });
  const [task] = waiting.items;
  if (task !== undefined)
    throw fail("agent_running", `Task ${task.id} waits for agent '${agent.name}' on its host.`, {
      hint: `Wait for it, or cancel it first: maestro task cancel ${task.id}`,
    });
  await requireType(rx, host, agent.type);
  return host;
}

/** Its directory, on the host that it moves to; what it was started in before is of the one it leaves. */
export async function madeThere(rx: Asking, agent: AgentRow, host: HostRow, { cwd }: Pick<AgentChange, "cwd">): Promise<AgentChange> {
  const own = cwd === undefined ? agent.cwd : cwd;
  const path = own ?? agent.workspace;
  const made = await askHost(relayOf(rx.env, rx.fleet, host.id), "workspace.ensure", { t: "workspace.ensure", path });
  return { host: host.id, session: null, ...(own === null ? { workspace: made.path } : {}) };
}
