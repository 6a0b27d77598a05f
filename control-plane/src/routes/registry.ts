/** [LK9] After a change of a fleet's membership, which raised the registry's version in the database. */
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "../db/client.ts";
import { fleetById } from "../db/fleets.ts";
import { listHosts } from "../db/hosts.ts";
import { WHOLE } from "../db/page.ts";
import { relayOf } from "../objects/relay-call.ts";

interface Changed {
  env: Env;
  db: Db;
  c: { executionCtx: Pick<ExecutionContext, "waitUntil"> };
}

/** Behind the answer. A host that cannot be told now hears it in its next welcome. */
export function tellRegistry({ env, db, c }: Changed, fleet: FleetId): void {
  c.executionCtx.waitUntil(tellLinks(env, db, fleet));
}

async function tellLinks(env: Env, db: Db, fleet: FleetId): Promise<void> {
  const [row, { rows }] = await Promise.all([fleetById(db, fleet), listHosts(db, fleet, WHOLE)]);
  if (row === undefined) return;
  await Promise.allSettled(rows.map(({ id }) => relayOf(env, fleet, id).registryChanged(row.registryVersion)));
}
