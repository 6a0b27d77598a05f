import type { HostFrame } from "@maestro/shared/protocol/link";
import type { Clock } from "../daemon/clock.ts";
import type { HostKeys } from "../daemon/host-keys.ts";
import type { Log } from "../daemon/log.ts";
import type { Terminals } from "../terminal/terminals.ts";
import { type Claimant } from "./authorization.ts";
import type { HostActions } from "./dispatch.ts";
import type { ServerTime } from "./server-time.ts";
export type LinkState = {
    type: "idle";
} | {
    type: "dialling";
} | {
    type: "greeting";
} | {
    type: "up";
    sinceMs: number;
}
/** Redials by itself at `untilMs` (monotonic). */
 | {
    type: "waiting";
    untilMs: number;
    why: string;
}
/** Redials when credentials or version change, else at `untilMs`. */
 | {
    type: "blocked";
    untilMs: number;
    why: string;
};
export interface LinkTarget {
    url: URL;
    pin: string | undefined;
    claimant: Claimant;
}
export interface LinkDeps {
    /** Read at every attempt: joining again changes it under a running daemon. */
    target(): LinkTarget;
    keys: HostKeys;
    serverTime: ServerTime;
    /** [LK2] Persisted start counter; the connect counter is counted here. */
    start: number;
    clock: Clock;
    timeScale: number;
    random(): number;
    log: Log;
    actions: HostActions;
    terminals: Terminals;
    hello(): HostFrame[];
    /** Frames that follow a welcome. */
    afterWelcome(): HostFrame[];
    /** Resolves when something that could lift a refusal changed, when `ms` passed, or on abort. */
    changed(ms: number, signal: AbortSignal): Promise<void>;
    stateChanged(state: LinkState): void;
}
export declare const LINK_PATH = "/api/v1/hosts/self/link";
export declare class Link {
    #private;
    constructor(deps: LinkDeps);
    get state(): LinkState;
    /** [LK2] For the host's HTTP calls as well: they belong to the same process instance. */
    get epoch(): {
        start: number;
        connect: number;
    };
    /** Dropped when there is no link: whatever matters is restated by `hello` and what follows a welcome. */
    send(frame: HostFrame): void;
    /** Ends a wait: something changed. */
    retryNow(): void;
    /** Until aborted. */
    run(signal: AbortSignal): Promise<void>;
}
