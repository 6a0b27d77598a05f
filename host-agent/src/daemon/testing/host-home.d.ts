import { type Settings } from "../../config/env.ts";
import { type Paths } from "../../config/paths.ts";
import { type RunningHostAgent } from "../host-agent.ts";
import type { OpenHolder } from "../holder-keeper.ts";
import { type Identity } from "../identity.ts";
import { type Log } from "../log.ts";
export interface TestHome {
    paths: Paths;
    dir: string;
    remove(): void;
}
export declare function makeHome(): TestHome;
export declare function joinedHome(origin: string): TestHome & {
    identity: Identity;
};
export declare const testLog: Log;
export declare function startTestAgent(paths: Paths, openHolder: OpenHolder, settings?: Partial<Settings>): RunningHostAgent;
