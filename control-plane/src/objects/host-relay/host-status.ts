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

export interface RelayStatus {
  connected: boolean;
  lastSeenMs?: number;
  presence: Presence;
  facts?: StateOf<"facts">;
  metrics?: Metrics;
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

export function relayStatus({ store, link, presence, inventory }: Known): RelayStatus {
  const { lastSeenMs } = presence;
  const facts = store.get("facts");
  const locked = store.get("locked");
  const { metrics } = link;
  return {
    connected: link.ready,
    presence: presence.presence,
    draining: store.get("draining") ?? false,
    sessions: inventory.sessions(),
    types: inventory.types(),
    ...(lastSeenMs === undefined ? {} : { lastSeenMs }),
    ...(facts === undefined ? {} : { facts }),
    ...(metrics === undefined ? {} : { metrics }),
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
