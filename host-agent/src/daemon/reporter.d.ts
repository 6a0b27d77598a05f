import type { HostFrame } from "@maestro/shared/protocol/link";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { type Clock } from "./clock.ts";
import type { Log } from "./log.ts";
export interface ReporterDeps {
    catalogue: TypeCatalogue;
    clock: Clock;
    timeScale: number;
    log: Log;
    /** Whose disk is told. */
    dir: string;
    send(frame: HostFrame): void;
    isUp(): boolean;
}
export declare class Reporter {
    #private;
    constructor(deps: ReporterDeps);
    /** A new link knows nothing yet. */
    afterWelcome(): HostFrame[];
    /** Looks again at files and CLIs. */
    detect(): Promise<number>;
    run(signal: AbortSignal): Promise<void>;
}
