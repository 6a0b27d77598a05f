/** Hosts that a linked one carries. Each change of who carries what, and how, raises the registry's version [LK9]. */
import { and, asc, count, eq, ne, sql } from "drizzle-orm";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import type { FleetId, HostId } from "@maestro/shared/ids";
import { MAX_REMOTE_HOSTS } from "@maestro/shared/limits";
import type { Db } from "./client.ts";
import { hostExists, type HostRow } from "./hosts.ts";
import { fleets, hosts } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type NewRemoteHost = Pick<HostRow, "id" | "fleet" | "name" | "labels" | "enabled" | "createdMs"> & {
  via: HostId;
  record: RemoteRecord;
};

export interface RemoteChange {
  name?: string | undefined;
  labels?: Record<string, string> | undefined;
  via?: HostId | undefined;
  record?: RemoteRecord | undefined;
  enabled?: boolean | undefined;
}

const NO_KEYS = { signingKey: "", sealingKey: "", previousKey: null, previousUntilMs: null } as const;

const raised = (db: Db, fleet: FleetId) =>
  db
    .update(fleets)
    .set({ registryVersion: sql`${fleets.registryVersion} + 1` })
    .where(eq(fleets.id, fleet));

/** At the moment of the write, whatever was read before. */
const isLinked = (fleet: FleetId, host: HostId) =>
  sql`exists (select 1 from hosts carrier where carrier.id = ${host} and carrier.fleet = ${fleet} and carrier.transport = 'link')`;

const hasRoom = (fleet: FleetId) =>
  sql`(select count(*) from hosts other where other.fleet = ${fleet} and other.transport <> 'link') < ${MAX_REMOTE_HOSTS}`;

/** Throws `host_exists`. `full`: the fleet has as many as it takes; `carrier_gone`: the host that was to carry it is. */
export async function insertRemoteHost(db: Db, host: NewRemoteHost): Promise<HostRow | "full" | "carrier_gone"> {
  const { id, fleet, name, labels, enabled, createdMs, via, record } = host;
  try {
    const [[made], , [there]] = await db.batch([
      db
        .insert(hosts)
        .select(
          sql`select ${id}, ${fleet}, ${name}, ${record.transport}, ${JSON.stringify(labels)}, 0, '', '', null, null, null, null, ${createdMs}, ${createdMs}, ${via}, ${JSON.stringify(record)}, ${enabled ? 1 : 0}, 0, null where ${isLinked(fleet, via)} and ${hasRoom(fleet)}`,
        )
        .returning(),
      raised(db, fleet),
      db
        .select({ count: count() })
        .from(hosts)
        .where(and(eq(hosts.fleet, fleet), ne(hosts.transport, "link"))),
    ]);
    return made ?? ((there?.count ?? 0) < MAX_REMOTE_HOSTS ? "carrier_gone" : "full");
  } catch (error) {
    throw isUniqueViolation(error, "hosts.name") ? hostExists(name) : error;
  }
}

/**
 * @param at as it was when the change was made up: a record is written whole.
 * @param released the link's keys go: whoever carried it does so no more.
 * Undefined: it was changed or removed since, or the host that was to carry it was.
 */
export async function updateRemoteHost(
  db: Db,
  at: Pick<HostRow, "fleet" | "id" | "via" | "record" | "enabled">,
  change: RemoteChange,
  released: boolean,
  nowMs: number,
): Promise<HostRow | undefined> {
  const { fleet, id, via, record, enabled } = at;
  const moved = change.record === undefined ? {} : { transport: change.record.transport };
  try {
    const [rows] = await db.batch([
      db
        .update(hosts)
        .set({ ...change, ...moved, ...(released ? NO_KEYS : {}), updatedMs: nowMs })
        .where(
          and(
            eq(hosts.fleet, fleet),
            eq(hosts.id, id),
            sql`${hosts.via} is ${via}`,
            sql`${hosts.record} is ${record === null ? null : JSON.stringify(record)}`,
            eq(hosts.enabled, enabled),
            change.via === undefined ? undefined : isLinked(fleet, change.via),
          ),
        )
        .returning(),
      raised(db, fleet),
    ]);
    return rows[0];
  } catch (error) {
    throw isUniqueViolation(error, "hosts.name") ? hostExists(change.name ?? "") : error;
  }
}

/** In name order, switched off ones too. */
export function hostsVia(db: Db, fleet: FleetId, via: HostId): Promise<HostRow[]> {
  return db
    .select()
    .from(hosts)
    .where(and(eq(hosts.fleet, fleet), eq(hosts.via, via)))
    .orderBy(asc(hosts.name));
}

/** Whether they were taken: only if `via` still carries it. */
export async function setCarriedKeys(
  db: Db,
  of: { fleet: FleetId; id: HostId; via: HostId },
  keys: { signingKey: string; sealingKey: string },
  nowMs: number,
): Promise<boolean> {
  const row = await db
    .update(hosts)
    .set({ ...NO_KEYS, ...keys, updatedMs: nowMs })
    .where(and(eq(hosts.fleet, of.fleet), eq(hosts.id, of.id), eq(hosts.via, of.via), eq(hosts.enabled, true)))
    .returning({ id: hosts.id })
    .get();
  return row !== undefined;
}

export async function noteCheck(db: Db, fleet: FleetId, id: HostId, lastCheck: NonNullable<HostRow["lastCheck"]>): Promise<void> {
  await db
    .update(hosts)
    .set({ lastCheck })
    .where(and(eq(hosts.fleet, fleet), eq(hosts.id, id)));
}

/** One statement, so that no two have the mark. @param id undefined: none has it. */
export async function markDefaultHost(db: Db, fleet: FleetId, id: HostId | undefined): Promise<void> {
  await db
    .update(hosts)
    .set({ isDefault: id === undefined ? false : sql`${hosts.id} = ${id}` })
    .where(eq(hosts.fleet, fleet));
}
