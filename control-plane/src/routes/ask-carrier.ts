/** Asks a linked host something about the machines it can reach; one of a version before is told from one that refuses. */
import { fail, MaestroFailure } from "@maestro/shared/errors";
import type { RequestName, RequestResult } from "@maestro/shared/protocol/link";
import type { HostRow } from "../db/hosts.ts";
import { UPGRADE_THERE } from "../domain/fleet/too-old.ts";
import type { RequestWithoutId } from "../objects/host-relay/link-socket.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import type { Asking } from "./placed-sessions.ts";

/** @param lacks what a host-agent that does not know the request does not do, as in "of a version that …". */
export async function askCarrier<N extends RequestName>(
  rx: Pick<Asking, "env" | "fleet">,
  carrier: HostRow,
  name: N,
  frame: RequestWithoutId & { t: N },
  lacks: string,
): Promise<RequestResult<N>> {
  return askHost(relayOf(rx.env, rx.fleet, carrier.id), name, frame).catch((error: unknown) => {
    if (!(error instanceof MaestroFailure) || error.error.code !== "type_unknown") throw error;
    throw fail("upgrade_required", `The host-agent of '${carrier.name}' is of a version that ${lacks}.`, { hint: UPGRADE_THERE }, error);
  });
}
