import type { Frame } from "@maestro/shared/protocol/frame";
import type { HostFrame, RelayFrame, WatchResult } from "@maestro/shared/protocol/link";
import { type Result } from "@maestro/shared/result";
import { type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { HolderClient } from "../holder/client.ts";
import type { EpochEvent, GapEvent, OutputEvent, SnapshotEvent } from "../holder/types.ts";
import { Channel } from "./channel.ts";
import type { Egress } from "./egress.ts";
type RelayFrameOf<T extends RelayFrame["t"]> = Extract<RelayFrame, {
    t: T;
}>;
export declare class Terminals {
    #private;
    constructor({ clock, log, timeScale }: {
        clock: Clock;
        log: Log;
        timeScale: number;
    });
    get watched(): number;
    linkUp(egress: Egress): void;
    /** [CH5] Programs may be held a little longer while the link is away; the subscriptions end with the viewers' grace. */
    linkDown(): void;
    /** A new connection to the holder: every open channel goes on from its cursor, or learns of the new epoch. */
    holderUp(holder: HolderClient): void;
    holderDown(): void;
    output({ session, epoch, offset, replay, bytes }: OutputEvent): void;
    snapshot({ session, epoch, offset, cols, rows, lines, viewer, bytes }: SnapshotEvent): void;
    gap({ session, epoch, from, to }: GapEvent): void;
    epoch({ session, epoch, offset }: EpochEvent): void;
    /** `reply` is called before the first frame of the channel can leave. */
    watch(frame: RelayFrameOf<"watch">, reply: (result: Result<WatchResult>) => void): Promise<void>;
    unwatch(channel: number): void;
    ack({ channel, epoch, offset }: RelayFrameOf<"ack">): void;
    wantSnapshot({ channel, lines, viewer }: RelayFrameOf<"want-snapshot">): void;
    need(frame: RelayFrameOf<"need">): void;
    resize({ channel, cols, rows }: RelayFrameOf<"resize">): void;
    /** [CH6] In order, once: the link is a byte stream and nothing here repeats or keeps input. */
    input(frame: Frame): void;
    sync(): Extract<HostFrame, {
        t: "host-sync";
    }>;
    /** The egress sent a frame of this channel: what waited for room may be asked for now. */
    sent(channel: Channel): void;
}
export {};
