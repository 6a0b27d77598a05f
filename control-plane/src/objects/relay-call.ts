/** Calls from routes to the relay of a host: names its object, types its answers, turns refusals into failures. */
import { MaestroFailure } from "@maestro/shared/errors";
import type { RequestName, RequestResult } from "@maestro/shared/protocol/link";
import { NeverSent } from "../domain/fleet/outcome.ts";
import { resultOf } from "../domain/relay/request-results.ts";
import type { HostRelay } from "./host-relay.ts";
import type { RelayReply } from "./host-relay/host-requests.ts";
import type { RequestWithoutId } from "./host-relay/link-socket.ts";

export const relayName = (fleet: string, host: string): string => `${fleet}/${host}`;

export const relayOf = (env: Env, fleet: string, host: string): DurableObjectStub<HostRelay> =>
  env.HOST_RELAY.getByName(relayName(fleet, host));

/** Throws the host's refusal, `timeout` or `host_unreachable`. */
export async function askHost<N extends RequestName>(
  relay: DurableObjectStub<HostRelay>,
  name: N,
  frame: RequestWithoutId & { t: N },
): Promise<RequestResult<N>> {
  const reply: RelayReply = await relay.request(frame);
  if (!reply.ok) throw reply.neverSent === true ? new NeverSent(reply.error) : new MaestroFailure(reply.error);
  return resultOf(name, reply.json);
}
