/** Agent types made through the API; those of hosts are reported by the hosts and live in the Feed. */
import { and, asc, eq } from "drizzle-orm";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import { fail } from "@maestro/shared/errors";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { agentTypes } from "./schema.ts";

export type AgentTypeDbRow = typeof agentTypes.$inferSelect;

/** A fleet has tens of types, not thousands: always the whole list. */
export const MAX_AGENT_TYPES = 500;

export function listAgentTypes(db: Db, fleet: FleetId): Promise<AgentTypeDbRow[]> {
  return db.select().from(agentTypes).where(eq(agentTypes.fleet, fleet)).orderBy(asc(agentTypes.slug)).limit(MAX_AGENT_TYPES);
}

export async function agentTypeBySlug(db: Db, fleet: FleetId, slug: string): Promise<AgentTypeDbRow | undefined> {
  return db
    .select()
    .from(agentTypes)
    .where(and(eq(agentTypes.fleet, fleet), eq(agentTypes.slug, slug)))
    .get();
}

/** Throws `agent_type_exists`. */
export async function insertAgentType(db: Db, fleet: FleetId, definition: AgentTypeFile, nowMs: number): Promise<AgentTypeDbRow> {
  const row = await db
    .insert(agentTypes)
    .values({ fleet, slug: definition.slug, definition, createdMs: nowMs })
    .onConflictDoNothing()
    .returning()
    .get();
  if (row === undefined)
    throw fail("agent_type_exists", `An agent type '${definition.slug}' exists.`, { field: "slug", hint: "Choose another slug." });
  return row;
}
