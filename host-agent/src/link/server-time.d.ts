/**
 * [LK1] The server's time as the host knows it. Once told, it is carried forward on the monotonic clock, so a
 * step of the local calendar (F23) neither locks the host out nor moves what it reports.
 */
import type { MaestroError } from "@maestro/shared/errors";
import type { Clock } from "../daemon/clock.ts";
export declare class ServerTime {
    #private;
    constructor(clock: Clock);
    nowMs(): number;
    /** What to add to times of this machine. */
    offsetMs(): number;
    learn(serverMs: number): void;
    /** True when the refusal was about the clock and told the right time. */
    learnFrom(error: MaestroError): boolean;
}
