/** A remote host as it is being written in the form, and the requests it becomes. Pure. */
import { isTailscale, parseRemoteAddress } from "@maestro/shared/contract/remote-address";
import type { RemoteBody, RemoteTransport } from "@maestro/shared/contract/remote-hosts";
import type { Host, HostPatch } from "@maestro/shared/contract/resources";
import { pairsOf, recordOf, type Pair } from "./pairs.ts";

/** Texts are as typed. */
export interface RemoteDraft {
  name: string;
  address: string;
  user: string;
  port: string;
  identity: string;
  /** Id of a linked host; empty: not chosen. */
  via: string;
  sshConfig: boolean;
  /** `auto`: what the address says. */
  transport: RemoteTransport | "auto";
  container: { kind: "none" | "auto" | "named"; name: string };
  cwd: string;
  options: readonly Pair[];
  env: readonly Pair[];
  enabled: boolean;
}

/** @param linked those that may reach it: the only one is chosen. */
export const emptyRemote = (linked: readonly Host[]): RemoteDraft => ({
  name: "",
  address: "",
  user: "",
  port: "",
  identity: "",
  via: linked.length === 1 ? (linked[0]?.id ?? "") : "",
  sshConfig: false,
  transport: "auto",
  container: { kind: "none", name: "" },
  cwd: "",
  options: [],
  env: [],
  enabled: true,
});

export function remoteDraftOf(host: Host): RemoteDraft {
  const { address = "", transport, container = "none" } = host;
  return {
    name: host.name,
    address,
    user: host.user ?? "",
    port: host.port === undefined ? "" : String(host.port),
    identity: host.identity ?? "",
    via: host.via?.id ?? "",
    sshConfig: host.sshConfig ?? false,
    transport: transport === "link" || transport === transportOf(address) ? "auto" : transport,
    container: container === "none" || container === "auto" ? { kind: container, name: "" } : { kind: "named", name: container },
    cwd: host.cwd ?? "",
    options: pairsOf(host.options),
    env: pairsOf(host.env),
    enabled: host.enabled ?? true,
  };
}

/** What an address stands for when nobody chose. */
export function transportOf(address: string): RemoteTransport {
  const parsed = parseRemoteAddress(address.trim());
  return parsed.ok && isTailscale(parsed.value.host) ? "tailscale" : "ssh";
}

/** Only what is given: blanks are what they are by default. */
export function remoteBodyOf(draft: RemoteDraft): RemoteBody {
  const { container } = draft;
  const text = (field: "user" | "port" | "identity" | "cwd") => (draft[field].trim() === "" ? {} : { [field]: draft[field].trim() });
  const options = recordOf(draft.options);
  const env = recordOf(draft.env);
  return {
    address: draft.address.trim(),
    ...text("user"),
    ...text("port"),
    ...text("identity"),
    ...text("cwd"),
    ...(draft.sshConfig ? { sshConfig: true } : {}),
    ...(draft.transport === "auto" ? {} : { transport: draft.transport }),
    ...(container.kind === "none" ? {} : { container: container.kind === "auto" ? "auto" : container.name.trim() }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
  };
}

const CLEARABLE = ["transport", "user", "port", "identity", "sshConfig", "options", "env", "container", "cwd"] as const;

/** What was changed, and nothing else; null where something was taken away. */
export function patchOf(host: Host, draft: RemoteDraft): HostPatch {
  const first = remoteDraftOf(host);
  const before = remoteBodyOf(first);
  const after = remoteBodyOf(draft);
  const changed = CLEARABLE.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  return {
    ...(draft.name === first.name ? {} : { name: draft.name }),
    ...(after.address === before.address ? {} : { address: after.address }),
    ...Object.fromEntries(changed.map((field) => [field, after[field] ?? null])),
    ...(draft.via === first.via ? {} : { via: draft.via }),
    ...(draft.enabled === first.enabled ? {} : { enabled: draft.enabled }),
  };
}

/** Of two drafts that are reached alike a test of one tells about the other. */
export const reachedBy = (draft: RemoteDraft): string => JSON.stringify([draft.via, remoteBodyOf(draft)]);
