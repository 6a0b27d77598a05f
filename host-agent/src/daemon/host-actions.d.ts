import type { Detector } from "../adapters/detect.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import type { HostActions } from "../link/dispatch.ts";
import type { HolderKeeper } from "./holder-keeper.ts";
import type { Log } from "./log.ts";
import type { Policy } from "./policy.ts";
import { type WorkspaceRules } from "./workspace.ts";
export interface ActionDeps {
    keeper: HolderKeeper;
    catalogue: TypeCatalogue;
    detector: Detector;
    policy: Policy;
    rules: WorkspaceRules;
    log: Log;
    /** Looks again for CLIs and type files, tells the relay, answers how many types there are. */
    detect(): Promise<number>;
    welcomed(serverTimeMs: number, hostName: string): void;
    registryVersion(version: number): void;
}
export declare function createHostActions(deps: ActionDeps): HostActions;
