/** Which events a credential that is limited to some hosts or agents may hear of: those of what it may see. */
import { globMatches } from "@maestro/shared/contract/access";

/** Globs of names; an absent one limits nothing. */
export interface Reach {
  hosts?: string | undefined;
  agents?: string | undefined;
  /** Of an agent: the task it works at, which it sees with what it has submitted itself. */
  task?: string | undefined;
}

/** Whose an event is, by the names they had then. Without a host: the whole fleet's, or nobody knows. */
export interface Place {
  host?: string | undefined;
  agent?: string | undefined;
}

/** The same rule as for lists: hosts by their name, agents and sessions by that and their agent's. */
export function mayHear(reach: Reach, type: string, place: Place): boolean {
  if (reach.hosts === undefined && reach.agents === undefined) return true;
  if (place.host === undefined || (reach.hosts !== undefined && !globMatches(reach.hosts, place.host))) return false;
  const ofAgent = type.startsWith("agent.") || type.startsWith("session.") || type.startsWith("task.");
  if (reach.agents === undefined || !ofAgent) return true;
  return place.agent !== undefined && globMatches(reach.agents, place.agent);
}

/** A task as far as it matters for who may see it. A target without an agent is nobody's; without a host nobody knows where. */
export interface ReachedTask {
  id: string;
  parent?: string | undefined;
  /** Globs of the hosts on which those targets may run that have none yet. */
  hosts?: string | undefined;
  targets: readonly { host?: { name: string } | undefined; agent?: { name: string } | undefined }[];
}

/** All of it: who sees a task sees what every target of it is told and answers. */
export function taskInReach(reach: Reach, { id, parent, hosts, targets }: ReachedTask): boolean {
  if (reach.task !== undefined && reach.task !== id && reach.task !== parent) return false;
  if (reach.hosts === undefined && reach.agents === undefined) return true;
  const waits = hosts !== undefined && hosts === reach.hosts;
  return targets.every(
    ({ host, agent }) => ((host === undefined && waits) || fits(reach.hosts, host?.name)) && fits(reach.agents, agent?.name),
  );
}

/** Of a task's event: what all its targets have in common. */
export function placeOfTask(hosts: readonly string[], agents: readonly string[]): Place {
  return { host: only(hosts), agent: only(agents) };
}

const fits = (glob: string | undefined, name: string | undefined): boolean =>
  glob === undefined || (name !== undefined && globMatches(glob, name));

function only(names: readonly string[]): string | undefined {
  const [first, ...others] = new Set(names);
  return others.length === 0 ? first : undefined;
}
