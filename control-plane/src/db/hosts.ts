/** Hosts: membership and identity. Whether one is online is not here; the Feed knows. */
import { and, asc, eq, gt, gte, inArray, isNull, lt, sql } from "drizzle-orm";
import { fail } from "@maestro/shared/errors";
import type { FleetId, HostId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { findBy } from "./find.ts";
import { toPage, type Page, type PageAsk } from "./page.ts";
import { Remembered } from "./remembered.ts";
import { agents, fleets, hosts } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type HostRow = typeof hosts.$inferSelect;
export type NewHost = Pick<HostRow, "id" | "fleet" | "name" | "labels" | "signingKey" | "sealingKey" | "createdMs">;

/** In name order. */
export async function listHosts(db: Db, fleet: FleetId, ask: PageAsk): Promise<Page<HostRow>> {
  const rows = await db
    .select()
    .from(hosts)
    .where(and(eq(hosts.fleet, fleet), ask.after === undefined ? undefined : gt(hosts.name, ask.after)))
    .orderBy(asc(hosts.name))
    .limit(ask.limit + 1);
  return toPage(rows, ask, (row) => row.name);
}

/** By name, id or unique id prefix; throws `host_not_found` or `ambiguous`. */
export function findHost(db: Db, fleet: FleetId, ref: string): Promise<HostRow> {
  return findBy<HostRow>(ref, {
    noun: "host",
    notFound: "host_not_found",
    prefix: "hst_",
    byName: async (name) =>
      db
        .select()
        .from(hosts)
        .where(and(eq(hosts.fleet, fleet), eq(hosts.name, name)))
        .get(),
    byIdRange: (from, to, limit) =>
      db
        .select()
        .from(hosts)
        .where(and(eq(hosts.fleet, fleet), gte(sql`${hosts.id}`, from), lt(sql`${hosts.id}`, to)))
        .limit(limit),
    names: async () => (await db.select({ name: hosts.name }).from(hosts).where(eq(hosts.fleet, fleet)).limit(1000)).map((row) => row.name),
    label: (row) => `${row.name} (${row.id})`,
  });
}

const meant = new Remembered<HostRow>("hosts");

/** The same for what is asked many times a second. */
export async function findHostAgain(db: Db, fleet: FleetId, ref: string): Promise<HostRow> {
  const nowMs = Date.now();
  const known = meant.get(`${fleet} ${ref}`, nowMs);
  if (known !== undefined) return known;
  const found = await findHost(db, fleet, ref);
  // The beginning of an id may soon be the beginning of two.
  if (found.name === ref || found.id === ref) meant.set(`${fleet} ${ref}`, found, nowMs);
  return found;
}

/** By whole id alone, of any fleet: for authentication, where the fleet is not known yet. */
export async function hostById(db: Db, id: HostId): Promise<HostRow | undefined> {
  return db.select().from(hosts).where(eq(hosts.id, id)).get();
}

/** @param ids as many as a statement of D1 takes: fewer than a hundred. */
export function hostsByIds(db: Db, fleet: FleetId, ids: HostId[]): Promise<HostRow[]> {
  return db
    .select()
    .from(hosts)
    .where(and(eq(hosts.fleet, fleet), inArray(hosts.id, ids)));
}

export async function updateHost(
  db: Db,
  fleet: FleetId,
  id: HostId,
  change: { name?: string | undefined; labels?: Record<string, string> | undefined; draining?: boolean | undefined },
  nowMs: number,
): Promise<HostRow> {
  try {
    const row = await db
      .update(hosts)
      .set({ ...change, updatedMs: nowMs })
      .where(and(eq(hosts.fleet, fleet), eq(hosts.id, id)))
      .returning()
      .get();
    if (row === undefined) throw fail("host_not_found", `No host '${id}'.`);
    return row;
  } catch (error) {
    throw isUniqueViolation(error, "hosts.name") ? hostExists(change.name ?? "") : error;
  }
}

export const hostExists = (name: string): Error =>
  fail("host_exists", `A host named '${name}' exists.`, { field: "name", hint: "Choose another name." });

/** [LK2] `undefined` unlocks. A second lock keeps the first one's reason and time. */
export async function setHostLock(db: Db, fleet: FleetId, id: HostId, lock: { reason: string; atMs: number } | undefined): Promise<void> {
  const mine = and(eq(hosts.fleet, fleet), eq(hosts.id, id));
  if (lock === undefined) await db.update(hosts).set({ lockedReason: null, lockedMs: null }).where(mine);
  else
    await db
      .update(hosts)
      .set({ lockedReason: lock.reason, lockedMs: lock.atMs })
      .where(and(mine, isNull(hosts.lockedMs)));
}

/**
 * Removes the host with its agents in one transaction, which raises the registry's version [LK9].
 *
 * @returns whether it is gone: one that carries others stays.
 */
export async function removeHost(db: Db, fleet: FleetId, id: HostId): Promise<boolean> {
  const carriesNone = sql`not exists (select 1 from hosts carried where carried.via = ${id})`;
  const [, gone] = await db.batch([
    db.delete(agents).where(and(eq(agents.fleet, fleet), eq(agents.host, id), carriesNone)),
    db
      .delete(hosts)
      .where(and(eq(hosts.fleet, fleet), eq(hosts.id, id), carriesNone))
      .returning({ id: hosts.id }),
    db
      .update(fleets)
      .set({ registryVersion: sql`${fleets.registryVersion} + 1` })
      .where(eq(fleets.id, fleet)),
  ]);
  return gone.length > 0;
}

/**
 * The new key becomes current, the present one works until `overlapUntilMs`. A repeat of the same rotation
 * changes nothing, so that a host whose answer was lost may simply ask again.
 */
export async function rotateHostKey(
  db: Db,
  fleet: FleetId,
  id: HostId,
  signingKey: string,
  overlapUntilMs: number,
  nowMs: number,
): Promise<void> {
  await db
    .update(hosts)
    .set({ previousKey: sql`${hosts.signingKey}`, previousUntilMs: overlapUntilMs, signingKey, updatedMs: nowMs })
    .where(and(eq(hosts.fleet, fleet), eq(hosts.id, id), sql`${hosts.signingKey} <> ${signingKey}`));
}
