/** An agent as the API shows it; its status is read off the session it was last started in. */
import { shownProgram } from "@maestro/shared/contract/agent-settings";
import type { Agent } from "@maestro/shared/contract/resources";
import { idTime } from "@maestro/shared/ids";
import { AGENT_AWAITED_MS } from "@maestro/shared/limits";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { iso } from "./host-view.ts";

export interface AgentRecord {
  id: string;
  name: string;
  type: string;
  workspace: string;
  role: string | null;
  priority: number;
  tags: string[];
  model: string | null;
  env: Record<string, string>;
  args: string[];
  cwd: string | null;
  program: string | null;
  session: string | null;
  createdMs: number;
  updatedMs: number;
}

/**
 * A living session that the host says is the agent's is the one it runs in, whatever was noted when it was started: the
 * answer to a start may be lost. Otherwise the noted one, as it ended.
 *
 * @param sessions of the agent's own host: another may not speak for it.
 */
export function sessionOfAgent(agent: Pick<AgentRecord, "id" | "session">, sessions: readonly SessionInfo[]): SessionInfo | undefined {
  const noted = sessions.find(({ id }) => id === agent.session);
  if (noted !== undefined && noted.end === undefined) return noted;
  return sessions.find((session) => session.agent === agent.id && session.end === undefined) ?? noted;
}

/** @param session what is known of the agent's; the id it was asked for under tells since when it is awaited. */
export const isAwaited = (agent: Pick<AgentRecord, "session">, session: SessionInfo | undefined, nowMs: number): boolean =>
  agent.session !== null && session === undefined && nowMs - idTime(agent.session) < AGENT_AWAITED_MS;

/** @param connected whether the host's link is open: without it nothing is known of what runs there. */
export function agentStatus(
  agent: Pick<AgentRecord, "session">,
  session: SessionInfo | undefined,
  connected: boolean,
  nowMs: number,
): Agent["status"] {
  if (session !== undefined && session.end === undefined) return connected ? "working" : "unknown";
  if (session?.end !== undefined)
    return session.end.reason === "exited" && (session.end.code ?? 0) === 0 ? "idle" : session.end.reason === "killed" ? "idle" : "failed";
  if (agent.session === null) return "idle";
  if (!connected) return "unknown";
  return isAwaited(agent, session, nowMs) ? "starting" : "idle";
}

export function toAgent(
  row: AgentRecord,
  host: { id: string; name: string },
  session: SessionInfo | undefined,
  connected: boolean,
  nowMs: number,
): Agent {
  const { id, name, type, workspace, priority, tags, env, args } = row;
  return {
    id,
    name,
    type,
    host,
    workspace,
    priority,
    tags,
    env,
    args,
    status: agentStatus(row, session, connected, nowMs),
    createdAt: iso(row.createdMs),
    updatedAt: iso(row.updatedMs),
    ...(row.role === null ? {} : { role: row.role }),
    ...(row.model === null ? {} : { model: row.model }),
    ...(row.cwd === null ? {} : { cwd: row.cwd }),
    ...shownProgram(row.program),
    ...(session === undefined ? {} : { session: session.id }),
    ...(session?.end === undefined ? {} : { lastExit: session.end }),
  };
}

/** What `agent list --status` groups. */
export function inStatusGroup(status: Agent["status"], group: "active" | "idle" | "failed" | "all"): boolean {
  switch (group) {
    case "all":
      return true;
    case "active":
      return status === "starting" || status === "working";
    case "idle":
      return status === "idle";
    case "failed":
      return status === "failed";
  }
}
