/** Fleets, and the registry version that rises with every change of a fleet's membership [LK9]. */
import { eq, sql } from "drizzle-orm";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { fleets } from "./schema.ts";

export type FleetRow = typeof fleets.$inferSelect;

export async function fleetById(db: Db, id: FleetId): Promise<FleetRow | undefined> {
  return db.select().from(fleets).where(eq(fleets.id, id)).get();
}

/** Whether the deployment has an owner yet. */
export async function isBootstrapped(db: Db): Promise<boolean> {
  return (await db.select({ id: fleets.id }).from(fleets).limit(1).get()) !== undefined;
}

/** The new version. */
export async function bumpRegistry(db: Db, fleet: FleetId): Promise<number> {
  const row = await db
    .update(fleets)
    .set({ registryVersion: sql`${fleets.registryVersion} + 1` })
    .where(eq(fleets.id, fleet))
    .returning({ version: fleets.registryVersion })
    .get();
  return row?.version ?? 0;
}
