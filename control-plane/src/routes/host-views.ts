/** Hosts as they are shown: their rows, what their relays say now, and who carries those that are remote. */
import type { Host } from "@maestro/shared/contract/resources";
import type { HostId } from "@maestro/shared/ids";
import type { Db } from "../db/client.ts";
import { hostById, hostsByIds, type HostRow } from "../db/hosts.ts";
import { toHost } from "../domain/fleet/host-view.ts";
import { relayOf } from "../objects/relay-call.ts";
import type { Asking } from "./placed-sessions.ts";
import { presentOf } from "./present-hosts.ts";

export async function hostView(rx: Asking, row: HostRow): Promise<Host> {
  const [[present], live, carrier] = await Promise.all([
    presentOf(rx, row.id),
    relayOf(rx.env, rx.fleet, row.id).live(),
    row.via === null ? undefined : hostById(rx.db, row.via),
  ]);
  return toHost(row, carrier === undefined ? undefined : named(carrier), present, live, rx.nowMs, rx.config.timeScale);
}

/** Fewer than a statement of D1 takes. */
const IDS_AT_ONCE = 90;

/** By the id of the one they carry for. */
export async function carriersOf(rx: { db: Db; fleet: Asking["fleet"] }, rows: readonly HostRow[]): Promise<Map<string, Carrier>> {
  const carriers = new Map<string, Carrier>(rows.map((row) => [row.id, named(row)]));
  const missing = [...new Set(rows.flatMap(({ via }) => (via === null || carriers.has(via) ? [] : [via])))];
  const pages: HostId[][] = [];
  for (let at = 0; at < missing.length; at += IDS_AT_ONCE) pages.push(missing.slice(at, at + IDS_AT_ONCE));
  const found = await Promise.all(pages.map((ids) => hostsByIds(rx.db, rx.fleet, ids)));
  for (const row of found.flat()) carriers.set(row.id, named(row));
  return new Map(
    rows.flatMap(({ id, via }) => {
      const carrier = via === null ? undefined : carriers.get(via);
      return carrier === undefined ? [] : [[id, carrier] as const];
    }),
  );
}

interface Carrier {
  id: string;
  name: string;
}

const named = ({ id, name }: HostRow): Carrier => ({ id, name });
