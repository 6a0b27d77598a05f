/** [EV1] Frames of the events socket: the position first, then events; `reset` when the ring no longer holds what was missed. */
import { FleetEvent } from "@maestro/shared/contract/resources";
import { decodeControl } from "@maestro/shared/protocol/codec";
import * as z from "zod";

const Hello = z.object({ t: z.literal("hello"), seq: z.number() });
const Event = z.object({ t: z.literal("event"), event: FleetEvent });
const Reset = z.object({ t: z.literal("reset") });
export type FeedFrame = z.infer<typeof Hello> | z.infer<typeof Event> | z.infer<typeof Reset>;

/** Undefined for what this version does not know or cannot read: the lists are fetched, so nothing depends on one frame. */
export function decodeFeed(text: string): FeedFrame | undefined {
  const decoded = decodeControl<FeedFrame>(text, { hello: Hello, event: Event, reset: Reset });
  return decoded.ok && decoded.value.type === "frame" ? decoded.value.frame : undefined;
}
