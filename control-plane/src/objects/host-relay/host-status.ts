/** All that is known of the host: as routes read it, and as the Feed is told when it has to be told anew. */
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Presence } from "@maestro/shared/contract/resources";
import type { Metrics } from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { HostUpdate } from "../../domain/events/present.ts";
import type { Inventory } from "./inventory.ts";
import type { LinkSocket } from "./link-socket.ts";
import type { PresenceWatch } from "./presence-watch.ts";
import type { StateOf, Store } from "./store.ts";

/** What changes by itself from moment to moment, and is not projected then. */
export interface LiveStatus {
  presence: Presence;
  lastSeenMs?: number;
  metrics?: Metrics;
}

export interface RelayStatus extends LiveStatus {
  connected: boolean;
  facts?: StateOf<"facts">;
  locked?: StateOf<"locked">;
  draining: boolean;
  sessions: SessionInfo[];
  types: AgentTypeReport[];
}

interface Known {
  store: Store;
  link: LinkSocket;
  presence: PresenceWatch;
  inventory: Inventory;
}

export function liveStatus({ link, presence }: Pick<Known, "link" | "presence">): LiveStatus {
  const { lastSeenMs } = presence;
  const { metrics } = link;
  return {
    presence: presence.presence,
    ...(lastSeenMs === undefined ? {} : { lastSeenMs }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}

export function relayStatus({ store, link, presence, inventory }: Known): RelayStatus {
  const facts = store.get("facts");
  const locked = store.get("locked");
  return {
    ...liveStatus({ link, presence }),
    connected: link.ready,
    draining: store.get("draining") ?? false,
    sessions: inventory.sessions(),
    types: inventory.types(),
    ...(facts === undefined ? {} : { facts }),
    ...(locked === undefined ? {} : { locked }),
  };
}

/** Everything there is to project. What this object does not know, it leaves as the Feed has it. */
export function wholeUpdate({ store, link, presence, inventory }: Known): HostUpdate {
  const facts = store.get("facts");
  return {
    facts: {
      connected: link.ready,
      lastSeenMs: presence.lastSeenMs,
      goneMs: presence.goneMs,
      locked: store.get("locked"),
      metrics: link.metrics,
      ...(facts === undefined
        ? {}
        : {
            agentVersion: facts.agentVersion,
            platform: facts.platform,
            capabilities: facts.capabilities,
            roots: facts.roots,
            policyDigest: facts.policyDigest,
          }),
    },
    sessions: { replace: true, upsert: inventory.sessions(), removed: [] },
    types: inventory.types(),
  };
}
