/** A host as the API shows it: its row, joined with what its relay says. */
import type { RemoteRecord, RemoteTransport } from "@maestro/shared/contract/remote-hosts";
import type { Host, Presence } from "@maestro/shared/contract/resources";
import type { Metrics, Platform } from "@maestro/shared/protocol/link";
import type { HostId } from "@maestro/shared/ids";
import { presenceSince } from "../relay/presence.ts";
import type { HostFacts, PresentHost } from "../events/present.ts";

/** Of the database's row. */
export interface HostRecord {
  id: HostId;
  name: string;
  transport: "link" | RemoteTransport;
  labels: Record<string, string>;
  draining: boolean;
  lockedReason: string | null;
  lockedMs: number | null;
  createdMs: number;
  record: RemoteRecord | null;
  enabled: boolean;
  isDefault: boolean;
  lastCheck: { ok: boolean; atMs: number; error?: string } | null;
}

/** What the relay itself says now; fresher than the projection. */
export interface LiveHost {
  presence: Presence;
  lastSeenMs?: number | undefined;
  metrics?: Metrics | undefined;
}

/** @param via of a remote host: the linked host that carries it. */
export function toHost(
  row: HostRecord,
  via: { id: string; name: string } | undefined,
  present: (Omit<PresentHost, "sessions"> & { sessions: readonly { end?: unknown }[] }) | undefined,
  live: LiveHost | undefined,
  nowMs: number,
  scale: number,
): Host {
  const facts = present?.facts;
  const lastSeenMs = live?.lastSeenMs ?? facts?.lastSeenMs;
  const metrics = live?.metrics ?? facts?.metrics;
  const platform: Platform | undefined = facts?.platform;
  return {
    id: row.id,
    name: row.name,
    transport: row.transport,
    status: statusOf(row, live?.presence ?? hostPresence(facts, nowMs, scale)),
    labels: row.labels,
    draining: row.draining,
    createdAt: iso(row.createdMs),
    capabilities: facts?.capabilities ?? [],
    roots: facts?.roots ?? [],
    sessions: present?.sessions.filter(({ end }) => end === undefined).length ?? 0,
    ...(via === undefined ? {} : { via }),
    ...remoteView(row),
    ...(row.isDefault ? { default: true as const } : {}),
    ...(row.lockedReason === null || row.lockedMs === null ? {} : { locked: { reason: row.lockedReason, at: iso(row.lockedMs) } }),
    ...(lastSeenMs === undefined ? {} : { lastSeenAt: iso(lastSeenMs) }),
    ...(facts?.agentVersion === undefined ? {} : { agentVersion: facts.agentVersion }),
    ...(platform === undefined ? {} : { platform }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(facts?.policyDigest === undefined ? {} : { policyDigest: facts.policyDigest }),
  };
}

/** Nobody reaches for one that is switched off. */
const statusOf = ({ enabled }: HostRecord, presence: Presence): Presence => (enabled || presence === "never" ? presence : "lost");

function remoteView({ record, enabled, lastCheck }: HostRecord): Partial<Host> {
  if (record === null) return {};
  const { transport: _, ...how } = record;
  if (lastCheck === null) return { ...how, enabled };
  const { ok, atMs, error } = lastCheck;
  return { ...how, enabled, lastCheck: { ok, at: iso(atMs), ...(error === undefined ? {} : { error }) } };
}

/** [LK4] Of the projection: a link that is open counts as alive, since its pings are not projected. */
export function hostPresence(facts: HostFacts | undefined, nowMs: number, scale: number): Presence {
  if (facts === undefined) return "never";
  return facts.connected ? "online" : presenceSince(facts.lastSeenMs, facts.goneMs, nowMs, scale);
}

export const iso = (ms: number): string => new Date(ms).toISOString();
