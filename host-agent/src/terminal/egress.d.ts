import { type Clock } from "../daemon/clock.ts";
import type { Channel } from "./channel.ts";
export interface FrameSink {
    sendText(text: string): void;
    sendBinary(bytes: Uint8Array): void;
    /** Bytes handed over that have not reached the kernel. */
    readonly bufferedBytes: number;
}
/** Waiting control frames; more means that the far end reads nothing while asking much. */
export declare const MAX_CONTROL_QUEUE = 4096;
export declare class Egress {
    #private;
    constructor(sink: FrameSink, clock: Clock, hooks: {
        overflow(): void;
        sent(channel: Channel): void;
    });
    control(text: string): void;
    /** A frame of data that belongs to no channel (an answer's blob). Goes with the control frames, in order. */
    data(bytes: Uint8Array): void;
    add(channel: Channel): void;
    remove(channel: Channel): void;
    /** The channel has something new. */
    touch(channel: Channel): void;
    /** Sends what may be sent now. Called after every change and whenever the socket drained. */
    pump(): void;
    close(): void;
}
