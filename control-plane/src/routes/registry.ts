/** [LK9] After a change of a fleet's membership, which raised the registry's version in the database. */
import type { FleetId, HostId } from "@maestro/shared/ids";
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

/**
 * Behind the answer. A host that cannot be told now hears it in its next welcome.
 *
 * One call for each host, and that is the least there can be: every open link has to be told, and the projection of
 * which are open lags behind a fleet that dials in all at once. It stays small because membership changes are rare and
 * limited by address, because a relay without a link does nothing, and because one that heard this version or a newer
 * one, as after the other joins of a burst, does nothing either. The platform allows a thousand such calls from one
 * request: in a larger fleet the rest hear it in their next welcome.
 */
export function tellRegistry({ env, db, c }: Changed, fleet: FleetId): void {
  c.executionCtx.waitUntil(tellLinks(env, db, fleet));
}

/**
 * Behind a host's upgrade, whose context told `version`: a change between that reading and the link found a relay
 * without one, and did nothing. One more read per dial; what changes after it finds the link.
 */
export function tellLatecomer({ env, db, c }: Changed, fleet: FleetId, host: HostId, version: number): void {
  c.executionCtx.waitUntil(
    fleetById(db, fleet).then(async (row) => {
      if (row !== undefined && row.registryVersion > version) await relayOf(env, fleet, host).registryChanged(row.registryVersion);
    }),
  );
}

async function tellLinks(env: Env, db: Db, fleet: FleetId): Promise<void> {
  const [row, { rows }] = await Promise.all([fleetById(db, fleet), listHosts(db, fleet, WHOLE)]);
  if (row === undefined) return;
  await Promise.allSettled(rows.map(({ id }) => relayOf(env, fleet, id).registryChanged(row.registryVersion)));
}
