/** A control frame of the host as text; typed, so that no frame leaves that the relay does not know. */
import { encodeControl } from "@maestro/shared/protocol/codec";
import type { HostFrame } from "@maestro/shared/protocol/link";

export const hostText = (frame: HostFrame): string => encodeControl(frame);
