import { type Cursor } from "@maestro/shared/protocol/cursor";
import type { SnapshotBegin } from "@maestro/shared/protocol/link";
/** Payload of one snapshot frame. */
export declare const SNAPSHOT_FRAME_BYTES: number;
/**
 * The most one channel keeps: live output is held down by credit and replay by the request queue, so this
 * is reached by a faulty holder only. What does not fit is dropped and told as `gap`.
 */
export declare const MAX_QUEUED_BYTES: number;
export type Outgoing = {
    type: "text";
    text: string;
} | {
    type: "binary";
    bytes: Uint8Array;
};
export type Next = {
    type: "idle";
} | {
    type: "wait";
    untilMs: number;
} | {
    type: "ready";
};
export declare class Channel {
    #private;
    readonly id: number;
    readonly session: string;
    /** Frames, and the holder's reads they were made of: P15 is their ratio. */
    readonly counters: {
        reads: number;
        frames: number;
        bytes: number;
    };
    constructor(id: number, session: string);
    /** The next live byte wanted from the holder; where a new subscription has to go on. */
    get cursor(): Cursor;
    get queuedBytes(): number;
    /** Absolute position up to which the holder may send live output. */
    get grant(): {
        epoch: number;
        upTo: number;
    };
    get standing(): {
        epoch: number;
        sent: number;
        acked: number;
    };
    /** The subscription is about to be made anew: what was queued is void, and nothing goes out until `open`. */
    reopen(): void;
    /** Events may overtake the answer to `subscribe`; those that do not continue it belong to the subscription before. */
    open(position: Cursor): void;
    output(epoch: number, offset: number, replay: boolean, bytes: Uint8Array): void;
    snapshot(begin: SnapshotBegin, bytes: Uint8Array): void;
    /** Either the answer to a `need`, or (true) live output went on without us: then credit starts anew behind the hole. */
    gap(epoch: number, from: number, to: number): boolean;
    epoch(epoch: number, offset: number): void;
    /** True when the holder may go further than before. */
    ack(epoch: number, offset: number): boolean;
    /** @param nowMs monotonic. */
    next(nowMs: number): Next;
    /** Takes the next frame; only after `next` said `ready`. */
    take(nowMs: number): Outgoing | undefined;
}
