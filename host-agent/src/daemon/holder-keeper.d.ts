import type { SessionInfo } from "@maestro/shared/protocol/session";
import { type Result } from "@maestro/shared/result";
import type { HolderClient } from "../holder/client.ts";
import type { HolderEvents } from "../holder/types.ts";
import { type Clock } from "./clock.ts";
import type { Log } from "./log.ts";
/** Connects to the holder, and starts it first where none runs. */
export type OpenHolder = (events: HolderEvents, signal: AbortSignal) => Promise<Result<HolderClient>>;
export interface KeeperHooks {
    /** A connection is there and its sessions are known. */
    up(client: HolderClient): void;
    down(): void;
    output: HolderEvents["output"];
    snapshot: HolderEvents["snapshot"];
    gap: HolderEvents["gap"];
    epoch: HolderEvents["epoch"];
    /** What changed in the list. */
    changed(upsert: readonly SessionInfo[], removed: readonly string[]): void;
}
export declare class HolderKeeper {
    #private;
    constructor(open: OpenHolder, hooks: KeeperHooks, clock: Clock, log: Log);
    get sessions(): SessionInfo[];
    get facts(): HolderClient["facts"] | undefined;
    /** Resolves when the holder was reached or could not be, the first time. */
    get tried(): Promise<void>;
    client(): Result<HolderClient>;
    run(signal: AbortSignal): Promise<void>;
}
