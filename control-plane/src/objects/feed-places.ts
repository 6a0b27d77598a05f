/** Whose each event is, by name: written beside it, so that who is limited to some hosts or agents hears of no others. */
import { isId, type FleetId, type HostId } from "@maestro/shared/ids";
import { agentsByIds } from "../db/agents.ts";
import type { Db } from "../db/client.ts";
import { hostById } from "../db/hosts.ts";
import type { EventType, NewEvent } from "../domain/events/event.ts";
import { placeOfTask, type Place } from "../domain/events/reach.ts";
import { errorText } from "../log-text.ts";
import type { PresentTable } from "./feed-present.ts";

/** Names of D1 that are kept; past it they are read anew. */
const MAX_KEPT_NAMES = 2_000;
/** Of one statement of D1. */
const MAX_ASKED_AGENTS = 90;

const RENAMES: ReadonlySet<EventType> = new Set(["host.updated", "host.removed", "agent.updated", "agent.removed"]);

export class EventPlaces {
  readonly #db: Db;
  readonly #present: PresentTable;
  #names = new Names();

  constructor(db: Db, present: PresentTable) {
    this.#db = db;
    this.#present = present;
  }

  /**
   * In the order of the events. A name that cannot be read leaves its event to those who hear everything.
   * @param from the host whose relay tells them.
   */
  async of(events: readonly NewEvent[], from: string | undefined): Promise<Place[]> {
    // Names are read anew after one changed; what is being read still goes where nobody looks any more.
    if (events.some(({ type }) => RENAMES.has(type)) || this.#names.size > MAX_KEPT_NAMES) this.#names = new Names();
    const names = this.#names;
    const agentOf = new Map<string, string>();
    for (const { type, subject } of events) {
      const agent = type.startsWith("session.") ? this.#present.agentOf(subject) : undefined;
      if (agent !== undefined) agentOf.set(subject, agent);
    }
    try {
      const ofSessions = events.some(({ type }) => type.startsWith("session."));
      if (ofSessions && from !== undefined && isId("host", from)) await this.#learn(names, from, [...new Set(agentOf.values())]);
    } catch (cause) {
      console.error(JSON.stringify({ message: "whose events these are cannot be read", host: from, cause: errorText(cause) }));
    }
    return events.map((event) => placeOf(event, names, from, agentOf.get(event.subject)));
  }

  async #learn(names: Names, host: HostId, agentIds: readonly string[]): Promise<void> {
    const { name, fleet } = names.hosts.get(host) ?? (await hostById(this.#db, host)) ?? {};
    if (name === undefined || fleet === undefined) return;
    names.hosts.set(host, { name, fleet });
    const missing = agentIds.flatMap((id) => (isId("agent", id) && !names.agents.has(id) ? [id] : []));
    for (let at = 0; at < missing.length; at += MAX_ASKED_AGENTS) {
      const found = await agentsByIds(this.#db, fleet, missing.slice(at, at + MAX_ASKED_AGENTS));
      for (const agent of found) names.agents.set(agent.id, { name: agent.name, host: agent.host });
    }
  }
}

/** What D1 said, by id. */
class Names {
  readonly hosts = new Map<string, { name: string; fleet: FleetId }>();
  readonly agents = new Map<string, { name: string; host: string }>();

  get size(): number {
    return this.hosts.size + this.agents.size;
  }
}

function placeOf(
  { type, subject, data }: NewEvent,
  { hosts, agents }: Names,
  from: string | undefined,
  agentId: string | undefined,
): Place {
  const name = textOf(data?.["name"]);
  if (type.startsWith("task.")) return placeOfTask(textsOf(data?.["hosts"]), textsOf(data?.["agents"]));
  if (type.startsWith("agent.")) return { host: textOf(data?.["host"]), agent: name };
  if (!type.startsWith("session.")) return isId("host", subject) ? { host: name } : {};
  const agent = agentId === undefined ? undefined : agents.get(agentId);
  // A host speaks for its own agents only.
  return from === undefined ? {} : { host: hosts.get(from)?.name, agent: agent?.host === from ? agent.name : undefined };
}

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
