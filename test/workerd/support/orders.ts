/** One order to a host through its relay, and its reply, as if nothing else were due. */
import type { OrderReply, StartAsked } from "../../../control-plane/src/domain/tasks/calls.ts";
import type { HostRelay } from "../../../control-plane/src/objects/host-relay.ts";

type Relay = DurableObjectStub<HostRelay>;

export const offerTo = async (relay: Relay, attempt: string, fence: number, spec: string): Promise<OrderReply> =>
  only(await relay.offers([{ attempt, fence, spec }]));

export const startAt = async (relay: Relay, asked: StartAsked): Promise<OrderReply> => only(await relay.starts([asked]));

function only(replies: readonly (OrderReply | null)[]): OrderReply {
  const [reply] = replies;
  if (replies.length !== 1 || reply === undefined || reply === null) throw new Error(`one reply expected: ${JSON.stringify(replies)}`);
  return reply;
}
