import { type Clock } from "../daemon/clock.ts";
export declare const PING = "ping";
export declare const PONG = "pong";
export declare class Heartbeat {
    #private;
    constructor(clock: Clock, timeScale: number, hooks: {
        ping(): void;
        dead(): void;
    });
    start(): void;
    /** Answers, and only answers, count: other traffic may come out of a buffer on the way. */
    pong(): void;
    stop(): void;
}
