/** What a fleet's hosts are like right now: a projection the HostRelays write and everybody reads. */
import * as z from "zod";
import { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { Metrics, Platform } from "@maestro/shared/protocol/link";
import { SessionInfo } from "@maestro/shared/protocol/session";

/** Absent fields are not known yet. Times are Unix milliseconds of the server. */
export const HostFacts = z.object({
  connected: z.boolean().default(false),
  lastSeenMs: z.number().optional(),
  /** When the link was found gone whose end nobody saw. */
  goneMs: z.number().optional(),
  agentVersion: z.string().optional(),
  platform: Platform.optional(),
  capabilities: z.array(z.string()).default([]),
  roots: z.array(z.string()).default([]),
  policyDigest: z.string().optional(),
  metrics: Metrics.optional(),
  locked: z.object({ reason: z.string(), atMs: z.number() }).optional(),
});
export type HostFacts = z.infer<typeof HostFacts>;

export interface PresentHost {
  host: string;
  facts: HostFacts;
  sessions: SessionInfo[];
  types: AgentTypeReport[];
}

/** Absent parts stay as they are; a fact given as `undefined` is forgotten. */
export interface HostUpdate {
  facts?: { [K in keyof HostFacts]?: HostFacts[K] | undefined };
  /** `replace` drops every session that is not in `upsert`. */
  sessions?: { replace: boolean; upsert: SessionInfo[]; removed: string[] };
  types?: AgentTypeReport[];
}

export const StoredSession = SessionInfo;
export const StoredTypes = z.array(AgentTypeReport);
