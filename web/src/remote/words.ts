/** What the console says of a check of a remote host, and of how one is reached. Pure. */
import type { CheckStep, HostCheck } from "@maestro/shared/contract/remote-hosts";
import type { Host } from "@maestro/shared/contract/resources";

const STEP_NAMES: Record<CheckStep["name"], string> = {
  name: "Name",
  tcp: "Connection",
  "host-key": "Host key",
  authentication: "Authentication",
  shell: "Shell",
  path: "Search path",
  tmux: "tmux",
  git: "git",
  container: "Container",
  agents: "Agent CLIs",
  "agent-forwarding": "Agent forwarding",
  disk: "Disk space",
  clock: "Clock",
};
export const stepName = (name: CheckStep["name"]): string => STEP_NAMES[name];

/** `34 ms`, `1.2 s`; nothing for what took none. */
export function spentWord(ms: number): string {
  if (ms < 1) return "";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export interface Summary {
  tone: "ok" | "warn" | "danger";
  text: string;
}

export function checkSummary({ ok, steps, hostKey, agents }: HostCheck): Summary {
  const failed = steps.find(({ state }) => state === "failed");
  if (!ok || failed !== undefined) {
    if (failed?.name === "host-key" && hostKey?.state === "unknown")
      return { tone: "warn", text: "It answers, and its host key is not known yet." };
    return {
      tone: "danger",
      text: failed === undefined ? "Work cannot be started there." : `${stepName(failed.name)} failed: work cannot be started there.`,
    };
  }
  const warnings = steps.filter(({ state }) => state === "warning").length;
  const found = agents.length === 0 ? "" : `, with ${agents.map(({ adapter }) => adapter).join(", ")}`;
  if (warnings === 0) return { tone: "ok", text: `Ready for work${found}.` };
  return { tone: "warn", text: `Ready for work${found}; ${warnings === 1 ? "one thing" : `${warnings} things`} to know.` };
}

/** The file that `ssh-keygen -lf` tells the fingerprint of, on the machine itself. */
export function publicKeyFile(type: string): string {
  const kind = /ed25519|ecdsa|rsa|dsa|dss/.exec(type)?.[0] ?? "ed25519";
  return `/etc/ssh/ssh_host_${kind === "dss" ? "dsa" : kind}_key.pub`;
}

const TRANSPORT_NAMES = { ssh: "SSH", tailscale: "Tailscale" } as const;
export const transportName = (transport: keyof typeof TRANSPORT_NAMES): string => TRANSPORT_NAMES[transport];

/** `SSH via laptop, in dev-box`; undefined for a host that has joined. */
export function reachWords({ transport, via, container = "none" }: Host): string | undefined {
  if (transport === "link") return undefined;
  const inside = container === "none" || container === "auto" ? "" : `, in ${container}`;
  return `${transportName(transport)} via ${via?.name ?? "a removed host"}${inside}`;
}

/** `dev@10.0.0.5:2222`. */
export function placeWords({ address = "", user, port }: Host): string {
  const host = address.includes(":") && port !== undefined ? `[${address}]` : address;
  return `${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`}`;
}

export type Away =
  | { why: "off" }
  /** The host that reaches it is away itself. */
  | { why: "carrier"; name: string }
  | { why: "check"; error: string; at: string }
  | { why: "untested" }
  | { why: "unknown"; since: string | undefined };

/** Why a remote host cannot be used now; undefined: it can, or it is none. */
export function awayOf(host: Host, hosts: readonly Host[]): Away | undefined {
  if (host.transport === "link" || host.status === "online") return undefined;
  if (host.enabled === false) return { why: "off" };
  const carrier = hosts.find(({ id }) => id === host.via?.id);
  if (carrier !== undefined && carrier.status !== "online") return { why: "carrier", name: carrier.name };
  const { lastCheck } = host;
  if (lastCheck === undefined) return host.status === "never" ? { why: "untested" } : { why: "unknown", since: host.lastSeenAt };
  if (lastCheck.ok) return { why: "unknown", since: host.lastSeenAt };
  return { why: "check", error: lastCheck.error ?? "Its last test failed.", at: lastCheck.at };
}

/** What there is to say of a host in a word, beside its name; nothing as long as all is well. */
export function hostWord(host: Host): string | undefined {
  if (host.locked !== undefined) return "locked";
  if (host.enabled === false) return "off";
  if (host.status !== "online") return host.status === "never" ? "not seen yet" : host.status;
  return host.draining ? "draining" : undefined;
}
