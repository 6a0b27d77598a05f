import { type Clock } from "./clock.ts";
/** Resolves when one of the files is another than at the call, after `ms`, or on abort. */
export declare function untilChanged(files: readonly string[], ms: number, clock: Clock, timeScale: number, signal: AbortSignal): Promise<void>;
