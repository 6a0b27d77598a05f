/** [LK5] [LK6] What follows the end of a connection attempt: pure, from the shared table of close codes. */
import { type MaestroError } from "@maestro/shared/errors";
export type Outcome = 
/** It had been open. */
{
    type: "closed";
    code: number;
    reason: string;
    openMs: number;
} | {
    type: "refused";
    status: number;
    error: MaestroError;
    retryAfterMs: number | undefined;
} | {
    type: "unreachable";
    error: MaestroError;
}
/** The daemon stops. */
 | {
    type: "stopped";
};
export interface RedialState {
    /** Failures in a row. */
    attempt: number;
    /** Closed `superseded` since the last stable connection. */
    superseded: number;
    /** Corrections in a row that did not help. */
    corrections: number;
}
export declare const freshRedial: RedialState;
export type Decision = {
    type: "stop";
} | {
    type: "after";
    ms: number;
    state: RedialState;
}
/** Until credentials, rights or version changed, and every few minutes anyway: an operator may have repaired it. */
 | {
    type: "wait";
    ms: number;
    why: string;
    state: RedialState;
};
/** How long a refusal that only a change can lift is believed. */
export declare const WAIT_MS: number;
/** @param corrected the refusal named something that has been corrected meanwhile (clock offset, the other key). */
export declare function decideRedial(state: RedialState, outcome: Outcome, corrected: boolean, random: number, scale: number): Decision;
