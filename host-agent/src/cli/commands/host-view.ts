/** How hosts are shown. */
import { KNOWN_NEEDS } from "@maestro/shared/protocol/task-needs";
import type { Item } from "../api/client.ts";
import type { Output } from "../render/output.ts";
import { renderFields, type Column } from "../render/table.ts";

type Host = Item<"hosts">;

export const hostState = ({ status, locked, draining, enabled }: Host): string =>
  enabled === false ? "disabled" : locked !== undefined ? `${status}, locked` : draining ? `${status}, draining` : status;

/** `REMOTE ssh dev@10.0.0.5:2222 via builder` */
export function reachedText({ transport, via, address = "", user, port }: Host): string {
  if (transport === "link") return "link";
  const place = port === undefined ? address : `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return `REMOTE ${transport} ${user === undefined ? "" : `${user}@`}${place} via ${via?.name ?? "nobody"}`;
}

export const hostColumns = (out: Output): Column<Host>[] => [
  { header: "name", value: ({ name, default: marked }) => (marked === true ? `${name} (default)` : name) },
  { header: "status", value: hostState },
  { header: "reached", value: reachedText },
  { header: "sessions", value: ({ sessions }) => String(sessions) },
  { header: "load", value: ({ metrics }) => (metrics === undefined ? "" : metrics.load1.toFixed(2)) },
  { header: "platform", value: ({ platform }) => (platform === undefined ? "" : `${platform.os} ${platform.arch}`) },
  { header: "version", value: ({ agentVersion }) => agentVersion ?? "" },
  { header: "seen", value: ({ lastSeenAt }) => out.time(lastSeenAt) },
  { header: "labels", value: ({ labels }) => pairsText(labels), max: 40 },
  { header: "id", value: ({ id }) => id, detail: true },
];

export function hostText(out: Output, host: Host): string[] {
  const { platform, metrics, locked } = host;
  return renderFields([
    ["name", host.name],
    ["id", host.id],
    ["status", hostState(host)],
    ["reached", reachedText(host)],
    ["check", checkText(out, host)],
    ["locked", locked === undefined ? undefined : `${locked.reason} (${out.time(locked.at)}); maestro host unlock ${host.name}`],
    ["seen", out.time(host.lastSeenAt)],
    [host.transport === "link" ? "joined" : "added", out.time(host.createdAt)],
    ["identity", host.identity],
    ["ssh_config", host.sshConfig === true ? `that of ${host.via?.name ?? "its carrier"} counts` : undefined],
    ["options", pairsText(host.options)],
    ["env", pairsText(host.env)],
    ["container", host.container],
    ["cwd", host.cwd],
    ["default", host.default === true ? "yes" : undefined],
    ["version", host.agentVersion],
    [
      "platform",
      platform === undefined
        ? undefined
        : `${platform.os} ${platform.release} ${platform.arch}, ${platform.cpus} CPUs, ${gib(platform.memoryBytes)} GiB${platform.node === "" ? "" : `, node ${platform.node}`}`,
    ],
    ["tmux", platform === undefined ? undefined : (platform.tmux ?? "not installed")],
    [
      "use",
      metrics === undefined
        ? undefined
        : `cpu ${percent(metrics.cpu)}, memory ${percent(metrics.memory)}, disk ${percent(metrics.disk)}, load ${metrics.load1.toFixed(2)}`,
    ],
    ["sessions", String(host.sessions)],
    ["labels", pairsText(host.labels)],
    ["roots", host.roots.join(", ")],
    ["capabilities", host.capabilities.filter((name) => !KNOWN_NEEDS.includes(name)).join(", ")],
  ]);
}

function checkText(out: Output, { transport, lastCheck, name }: Host): string | undefined {
  if (transport === "link") return undefined;
  if (lastCheck === undefined) return `never; maestro host check ${name}`;
  return `${lastCheck.ok ? "ok" : `failed: ${lastCheck.error ?? "not everything is well"}`} (${out.time(lastCheck.at)})`;
}

const pairsText = (pairs: Readonly<Record<string, string>> = {}): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
const percent = (share: number): string => `${Math.round(share * 100)}%`;
const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
