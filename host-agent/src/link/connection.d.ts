import { type HostFrame } from "@maestro/shared/protocol/link";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { Terminals } from "../terminal/terminals.ts";
import { type HostActions } from "./dispatch.ts";
import type { LinkSocket } from "./socket.ts";
export interface ConnectionDeps {
    clock: Clock;
    timeScale: number;
    log: Log;
    actions: HostActions;
    terminals: Terminals;
    /** [LK3] First frames. */
    hello: readonly HostFrame[];
    /** The relay said welcome. */
    up(): void;
}
export declare class Connection {
    #private;
    constructor(socket: LinkSocket, deps: ConnectionDeps);
    send(frame: HostFrame): void;
    drained(): void;
    text(text: string): void;
    binary(bytes: Uint8Array): void;
    /** Answers how many unknown frames there were. */
    end(): {
        unknown: number;
    };
    close(code: number, reason: string): void;
}
