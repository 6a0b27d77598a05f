/** Agents with the hosts they are on and the types made for them here: what a task that is sent to them has to know. */
import { and, asc, eq, inArray, or, sql, type SQL } from "drizzle-orm";
import type { FleetId, HostId } from "@maestro/shared/ids";
import type { AgentRow } from "./agents.ts";
import type { Db } from "./client.ts";
import { Remembered } from "./remembered.ts";
import { agents, agentTypes, hosts } from "./schema.ts";

export interface AddresseeRow {
  agent: AgentRow;
  host: { id: HostId; name: string; labels: Record<string, string>; draining: boolean };
  definition: typeof agentTypes.$inferSelect.definition | null;
}

/** Each takes two of the hundred parameters of a statement of D1. */
const MAX_REFS = 40;

const addressed = new Remembered<AddresseeRow>("agents", "hosts", "agent_types");

/** Those whose name or whole id is one of these. */
export async function addresseesNamed(db: Db, fleet: FleetId, refs: readonly string[]): Promise<AddresseeRow[]> {
  const nowMs = Date.now();
  const known = refs.map((ref) => addressed.get(`${fleet} ${ref}`, nowMs));
  const unknown = refs.filter((_, i) => known[i] === undefined);
  const read = unknown.length === 0 ? [] : await readNamed(db, fleet, unknown);
  for (const ref of unknown) {
    const meant = read.filter(({ agent }) => agent.name === ref || agent.id === ref);
    // A name that is another's id is looked at each time.
    if (meant.length === 1 && meant[0] !== undefined) addressed.set(`${fleet} ${ref}`, meant[0], nowMs);
  }
  // Once each, though one may be named by what another has the id of.
  return [...new Map([...known, ...read].flatMap((row) => (row === undefined ? [] : [[row.agent.id, row]]))).values()];
}

async function readNamed(db: Db, fleet: FleetId, refs: readonly string[]): Promise<AddresseeRow[]> {
  const groups = Array.from({ length: Math.ceil(refs.length / MAX_REFS) }, (_, i) => refs.slice(i * MAX_REFS, (i + 1) * MAX_REFS));
  const found = await Promise.all(
    groups.map((some) => select(db, fleet, or(inArray(agents.name, some), inArray(sql`${agents.id}`, some)))),
  );
  return found.flat();
}

/** All of the fleet, in name order. */
export const allAddressees = (db: Db, fleet: FleetId): Promise<AddresseeRow[]> => select(db, fleet, undefined);

const MAX_ROWS = 10_000;

function select(db: Db, fleet: FleetId, which: SQL | undefined): Promise<AddresseeRow[]> {
  return db
    .select({
      agent: agents,
      host: { id: hosts.id, name: hosts.name, labels: hosts.labels, draining: hosts.draining },
      definition: agentTypes.definition,
    })
    .from(agents)
    .innerJoin(hosts, and(eq(hosts.fleet, agents.fleet), eq(hosts.id, agents.host)))
    .leftJoin(agentTypes, and(eq(agentTypes.fleet, agents.fleet), eq(agentTypes.slug, agents.type)))
    .where(and(eq(agents.fleet, fleet), which))
    .orderBy(asc(agents.name))
    .limit(MAX_ROWS);
}
