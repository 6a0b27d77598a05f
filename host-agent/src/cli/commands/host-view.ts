/** How hosts are shown. */
import type { Item } from "../api/client.ts";
import type { Output } from "../render/output.ts";
import { renderFields, type Column } from "../render/table.ts";

type Host = Item<"hosts">;

export const hostState = ({ status, locked, draining }: Host): string =>
  locked !== undefined ? `${status}, locked` : draining ? `${status}, draining` : status;

export const hostColumns = (out: Output): Column<Host>[] => [
  { header: "name", value: ({ name }) => name },
  { header: "status", value: hostState },
  { header: "sessions", value: ({ sessions }) => String(sessions) },
  { header: "load", value: ({ metrics }) => (metrics === undefined ? "" : metrics.load1.toFixed(2)) },
  { header: "platform", value: ({ platform }) => (platform === undefined ? "" : `${platform.os} ${platform.arch}`) },
  { header: "version", value: ({ agentVersion }) => agentVersion ?? "" },
  { header: "seen", value: ({ lastSeenAt }) => out.time(lastSeenAt) },
  { header: "labels", value: ({ labels }) => labelsText(labels), max: 40 },
  { header: "id", value: ({ id }) => id, detail: true },
];

export function hostText(out: Output, host: Host): string[] {
  const { platform, metrics, locked } = host;
  return renderFields([
    ["name", host.name],
    ["id", host.id],
    ["status", hostState(host)],
    ["locked", locked === undefined ? undefined : `${locked.reason} (${out.time(locked.at)}); maestro host unlock ${host.name}`],
    ["seen", out.time(host.lastSeenAt)],
    ["joined", out.time(host.createdAt)],
    ["version", host.agentVersion],
    [
      "platform",
      platform === undefined
        ? undefined
        : `${platform.os} ${platform.release} ${platform.arch}, ${platform.cpus} CPUs, ${gib(platform.memoryBytes)} GiB, node ${platform.node}`,
    ],
    ["tmux", platform === undefined ? undefined : (platform.tmux ?? "not installed")],
    [
      "use",
      metrics === undefined
        ? undefined
        : `cpu ${percent(metrics.cpu)}, memory ${percent(metrics.memory)}, disk ${percent(metrics.disk)}, load ${metrics.load1.toFixed(2)}`,
    ],
    ["sessions", String(host.sessions)],
    ["labels", labelsText(host.labels)],
    ["roots", host.roots.join(", ")],
    ["capabilities", host.capabilities.join(", ")],
  ]);
}

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
const percent = (share: number): string => `${Math.round(share * 100)}%`;
const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
