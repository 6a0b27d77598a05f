/** The fleet as a tree: hosts in groups by name (`level1-level2-name`), on each host its agents, grouped likewise, and sessions. Pure. */
import type { Agent, Host, Session } from "@maestro/shared/contract/resources";
import type { SessionEnd } from "@maestro/shared/protocol/session";
import { colourIndex, treePlace } from "@maestro/shared/names";

/** Worst first: a group shows the worst of what is in it. */
export const TONES = ["failed", "away", "working", "idle", "off"] as const;
export type Tone = (typeof TONES)[number];

export interface GroupNode {
  kind: "group";
  key: string;
  label: string;
  colour: number;
  tone: Tone;
  children: TreeNode[];
}
export interface HostNode {
  kind: "host";
  key: string;
  label: string;
  host: Host;
  tone: Tone;
  children: TreeNode[];
}
export interface AgentNode {
  kind: "agent";
  key: string;
  label: string;
  agent: Agent;
  tone: Tone;
  children: TreeNode[];
}
export interface SessionNode {
  kind: "session";
  key: string;
  label: string;
  session: Session;
  tone: Tone;
  children: TreeNode[];
}
export type TreeNode = GroupNode | HostNode | AgentNode | SessionNode;

export interface Fleet {
  hosts: readonly Host[];
  agents: readonly Agent[];
  sessions: readonly Session[];
}

export const fleetTree = (fleet: Fleet): TreeNode[] =>
  grouped(
    "",
    byName(fleet.hosts).map((host) => ({ name: host.name, node: (label: string) => hostNode(host, label, fleet) })),
  );

/** Groups come first, in order; what has no place in one stands beside them, not under a group of its own. */
function grouped(within: string, items: readonly { name: string; node: (label: string) => TreeNode }[]): TreeNode[] {
  const loose: TreeNode[] = [];
  const groups = new Map<string, GroupNode>();
  for (const item of items) {
    const place = treePlace(item.name);
    const node = item.node(place.label);
    if (place.subgroup === undefined) {
      loose.push(node);
      continue;
    }
    const group = groupIn(groups, `${within}${place.group}`, place.group);
    const subgroups = new Map(group.children.flatMap((child) => (child.kind === "group" ? [[child.key, child] as const] : [])));
    const subgroup = groupIn(subgroups, `${within}${place.group}/${place.subgroup}`, place.subgroup);
    if (!group.children.includes(subgroup)) group.children.push(subgroup);
    subgroup.children.push(node);
  }
  return [...[...groups.values()].map(withTone), ...loose];
}

/** What a row's dot says of a session. */
export function sessionTone(session: Session): Tone {
  switch (session.status) {
    case "running":
      return "working";
    case "unreachable":
      return "away";
    case "ended":
      return session.end === undefined ? "failed" : endTone(session.end);
  }
}

/** What somebody asked for, or the program itself chose, is no failure. */
export const endTone = ({ reason, code = 0, signal }: SessionEnd): Tone =>
  reason === "killed" || (reason === "exited" && code === 0 && signal === undefined) ? "off" : "failed";

export function hostTone(host: Host): Tone {
  if (host.locked !== undefined) return "failed";
  if (host.enabled === false) return "off";
  switch (host.status) {
    case "online":
      return host.draining ? "idle" : "working";
    case "stale":
      return "away";
    case "lost":
      return "failed";
    case "never":
      return "off";
  }
}

export function agentTone(agent: Agent): Tone {
  switch (agent.status) {
    case "working":
    case "starting":
      return "working";
    case "idle":
      return "idle";
    case "failed":
      return "failed";
    case "unknown":
      return "away";
  }
}

function hostNode(host: Host, label: string, fleet: Fleet): HostNode {
  const sessions = fleet.sessions.filter((session) => session.host.id === host.id);
  const agents = byName(fleet.agents.filter((agent) => agent.host.id === host.id));
  const owned = new Set(agents.flatMap((agent) => sessionsOf(agent, sessions).map((session) => session.id)));
  const free = sessions
    .filter((session) => !owned.has(session.id))
    .sort(newestFirst)
    .map(sessionNode);
  const named = agents.map((agent) => ({ name: agent.name, node: (place: string) => agentNode(agent, place, sessions) }));
  return { kind: "host", key: host.id, label, host, tone: hostTone(host), children: [...grouped(`${host.id}/`, named), ...free] };
}

const agentNode = (agent: Agent, label: string, sessions: readonly Session[]): AgentNode => ({
  kind: "agent",
  key: agent.id,
  label,
  agent,
  tone: agentTone(agent),
  children: sessionsOf(agent, sessions).sort(newestFirst).map(sessionNode),
});

const sessionsOf = (agent: Agent, sessions: readonly Session[]): Session[] =>
  sessions.filter((session) => session.agent?.id === agent.id || session.id === agent.session);

const sessionNode = (session: Session): SessionNode => ({
  kind: "session",
  key: session.id,
  label: session.name,
  session,
  tone: sessionTone(session),
  children: [],
});

function groupIn(groups: Map<string, GroupNode>, key: string, label: string): GroupNode {
  const found = groups.get(key) ?? { kind: "group", key, label, colour: colourIndex(label), tone: "off", children: [] };
  groups.set(key, found);
  return found;
}

function withTone(group: GroupNode): GroupNode {
  const children = group.children.map((child) => (child.kind === "group" ? withTone(child) : child));
  return { ...group, children, tone: worst(children) };
}

function worst(nodes: readonly TreeNode[]): Tone {
  return TONES.find((tone) => nodes.some((node) => node.tone === tone)) ?? "off";
}

const byName = <T extends { name: string }>(items: readonly T[]): T[] => items.toSorted((a, b) => a.name.localeCompare(b.name));
const newestFirst = (a: Session, b: Session): number => b.createdAt.localeCompare(a.createdAt);
