import type { HolderFacts } from "../holder/types.ts";
import type { HelloFacts } from "../link/hello.ts";
export interface FactInputs {
    agentVersion: string;
    instance: string;
    bootId: string;
    policyDigest: string;
    roots: readonly string[];
    maxConcurrent: number;
    holder: HolderFacts | undefined;
    searchPath: string;
    /** Things that do not work but stop nobody. */
    degraded: readonly string[];
}
export declare function helloFacts({ agentVersion, instance, bootId, policyDigest, roots, maxConcurrent, holder, searchPath, degraded }: FactInputs): HelloFacts;
