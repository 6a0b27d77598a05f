import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Hello, HostFrame } from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
export type HelloFacts = Omit<Hello, "t" | "sessions" | "more">;
/** @param offsetMs what to add to this machine's times to get the server's. */
export declare function helloFrames(facts: HelloFacts, sessions: readonly SessionInfo[], offsetMs: number): HostFrame[];
export declare function sessionsFrames(upsert: readonly SessionInfo[], removed: readonly string[], offsetMs: number): HostFrame[];
export declare function inventoryFrames(types: readonly AgentTypeReport[]): HostFrame[];
