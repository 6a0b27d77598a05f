import { type Result } from "@maestro/shared/result";
import type { Paths } from "../config/paths.ts";
import { type Claimant } from "../link/authorization.ts";
import type { ServerTime } from "../link/server-time.ts";
import { type Identity, type KeyPair } from "./identity.ts";
export interface RotationDeps {
    paths: Paths;
    identity: Identity;
    claimant: Claimant;
    epoch: {
        start: number;
        connect: number;
    };
    serverTime: ServerTime;
}
/** Begins a rotation, or ends one that was begun; answers the identity with its new key. */
export declare function rotateKey(deps: RotationDeps): Promise<Result<Identity>>;
export declare function beginRotation(paths: Paths, hostId: string): KeyPair;
