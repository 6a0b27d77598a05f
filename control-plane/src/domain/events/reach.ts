/** Which events a credential that is limited to some hosts or agents may hear of: those of what it may see. */
import { globMatches } from "@maestro/shared/contract/access";

/** Globs of names; an absent one limits nothing. */
export interface Reach {
  hosts?: string | undefined;
  agents?: string | undefined;
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
  const ofAgent = type.startsWith("agent.") || type.startsWith("session.");
  if (reach.agents === undefined || !ofAgent) return true;
  return place.agent !== undefined && globMatches(reach.agents, place.agent);
}
