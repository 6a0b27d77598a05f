/** An agent as the API shows it; its status is read off the session it was last started in. */
import type { Agent } from "@maestro/shared/contract/resources";
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
  session: string | null;
  createdMs: number;
  updatedMs: number;
}

/** A session that was asked for and is not reported yet is under way for this long. */
export const STARTING_FOR_MS = 30_000;

/** @param connected whether the host's link is open: without it nothing is known of what runs there. */
export function agentStatus(
  agent: Pick<AgentRecord, "session" | "updatedMs">,
  session: SessionInfo | undefined,
  connected: boolean,
  nowMs: number,
): Agent["status"] {
  if (agent.session === null) return "idle";
  if (session === undefined) return connected && nowMs - agent.updatedMs < STARTING_FOR_MS ? "starting" : connected ? "idle" : "unknown";
  if (session.end === undefined) return connected ? "working" : "unknown";
  return session.end.reason === "exited" && (session.end.code ?? 0) === 0 ? "idle" : session.end.reason === "killed" ? "idle" : "failed";
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
    ...(row.session === null || session === undefined ? {} : { session: row.session }),
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
