import type { Settings } from "../config/env.ts";
import { type Paths } from "../config/paths.ts";
import { Link } from "../link/link.ts";
import { type OpenHolder } from "./holder-keeper.ts";
import type { Log } from "./log.ts";
export interface HostAgentParts {
    paths: Paths;
    settings: Settings;
    /** The running program's version, as `hello` tells it. */
    version: string;
    log: Log;
}
export interface RunningHostAgent {
    link: Link;
    /** Never resolves; rejects when a part ended that must not. */
    failed: Promise<never>;
    /** Ends link and connections, never the holder. */
    stop(): Promise<void>;
}
export declare function startHostAgent(options: HostAgentParts, openHolder: OpenHolder): RunningHostAgent;
