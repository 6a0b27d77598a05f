/** What `tailscale status --json` says of this machine and of one to be reached. Pure. Source: Tailscale's `ipn/ipnstate`. */
import * as z from "zod";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { err, ok, type Result } from "@maestro/shared/result";

const Node = z.object({
  HostName: z.string().default(""),
  /** With its tailnet, and a dot at the end. */
  DNSName: z.string().default(""),
  TailscaleIPs: z.array(z.string()).nullish(),
  Online: z.boolean().optional(),
  /** Of one that is offline; the year 1 where nobody knows. */
  LastSeen: z.string().optional(),
});
type Node = z.infer<typeof Node>;

const Status = z.object({
  /** NoState, NeedsLogin, NeedsMachineAuth, Stopped, Starting or Running. */
  BackendState: z.string(),
  Self: Node.nullish(),
  Peer: z.record(z.string(), Node).nullish(),
});
export type Status = z.infer<typeof Status>;

export interface Peer {
  /** That of `names` which led to it. */
  asked: string;
  addresses: readonly string[];
  /** `untold`: this machine hears nothing of its tailnet now; what has a way already goes on. */
  state: "online" | "untold";
}

/** Undefined: no status, but words for people, or nothing. */
export function parseStatus(text: string): Status | undefined {
  try {
    return Status.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * @param names of one machine, the likeliest first: full or first part of its name there, its host name, an address.
 * Errors: `tailscale_not_running`, `tailscale_login_needed`, `tailscale_peer_unknown`, `tailscale_peer_offline`.
 */
export function findPeer(status: Status, names: readonly string[]): Result<Peer> {
  const problem = backendProblem(status.BackendState);
  if (problem !== undefined) return err(problem);
  const self = status.Self ?? undefined;
  const nodes = [...Object.values(status.Peer ?? {}), ...(self === undefined ? [] : [self])];
  for (const asked of names) {
    const node = nodeCalled(asked, nodes);
    if (node === undefined) continue;
    const addresses = node.TailscaleIPs ?? [];
    if (node.Online === true || node === self) return ok({ asked, addresses, state: "online" });
    if (self?.Online === false) return ok({ asked, addresses, state: "untold" });
    return err(offline(asked, node));
  }
  return err(
    maestroError("tailscale_peer_unknown", `${names[0] ?? ""} is no machine of the tailnet that the linked host sees.`, {
      field: "address",
      hint: "`tailscale status` on the linked host lists them. One behind a subnet router is reached with --transport ssh.",
    }),
  );
}

function backendProblem(state: string): MaestroError | undefined {
  switch (state) {
    case "Running":
      return undefined;
    case "NeedsLogin":
      return maestroError("tailscale_login_needed", "Tailscale on the linked host is not logged in.", {
        field: "via",
        hint: "Run `tailscale up` there, and log in.",
      });
    case "NeedsMachineAuth":
      return maestroError("tailscale_login_needed", "The linked host has not been approved in its tailnet.", {
        field: "via",
        hint: "An admin of the tailnet approves it; `tailscale status` there tells when that is done.",
      });
    default:
      return notRunning(`it is in the state ${escapeUnsafe(state).slice(0, 64)}`);
  }
}

/** @param why in the middle of a sentence. */
export const notRunning = (why: string): MaestroError =>
  maestroError("tailscale_not_running", `Tailscale does not run on the linked host: ${why}.`, {
    field: "via",
    hint: "Run `tailscale up` there; `tailscale status` tells what is wrong.",
  });

/** As `tailscale ssh` does it, and after that by host name, where only one has it. */
function nodeCalled(asked: string, nodes: readonly Node[]): Node | undefined {
  const name = plain(asked);
  const byHostName = nodes.filter((node) => plain(node.HostName) === name);
  return (
    nodes.find((node) => node.TailscaleIPs?.includes(name) === true) ??
    nodes.find((node) => plain(node.DNSName) === name) ??
    nodes.find((node) => plain(node.DNSName).split(".")[0] === name) ??
    (byHostName.length === 1 ? byHostName[0] : undefined)
  );
}

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, "");

function offline(asked: string, { LastSeen: seen = "" }: Node): MaestroError {
  const isKnown = !Number.isNaN(Date.parse(seen)) && Date.parse(seen) > 0;
  return maestroError("tailscale_peer_offline", `${asked} is offline${isKnown ? `, last seen ${new Date(seen).toISOString()}` : ""}.`, {
    field: "address",
    hint: `Start it, or Tailscale on it. From the linked host: tailscale ping ${asked}`,
  });
}
