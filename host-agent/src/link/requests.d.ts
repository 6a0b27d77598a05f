/** [VR5] Every request of the relay is answered exactly once: by its result, its refusal, or `timeout`. */
import { type MaestroError } from "@maestro/shared/errors";
import type { HostFrame, WireError } from "@maestro/shared/protocol/link";
import type { Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
export declare class Requests {
    #private;
    constructor(send: (frame: HostFrame) => void, { clock, timeScale, log }: {
        clock: Clock;
        timeScale: number;
        log: Log;
    });
    /** A repeated frame changes nothing (F21): the one answer is on its way, or there already. */
    answer(id: number, name: string, work: (done: (result: Result<unknown>) => void) => void | Promise<void>): void;
}
export declare function toWire({ code, detail, field, hint }: MaestroError): WireError;
