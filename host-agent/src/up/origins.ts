/** How the embedded control plane is called: by this machine, by others, and in a browser's address bar. */
import type { NetworkInterfaceInfo } from "node:os";
import { isIP } from "node:net";
import { isLoopbackAddress, LOOPBACK, type ListenPlan } from "./listen-plan.ts";

export interface Origins {
  /** What this machine's CLI and host-agent dial. */
  local: string;
  /** What hosts sign and join lines name. */
  public: string;
  /** Every address a browser may show. */
  all: readonly string[];
}

export interface Machine {
  hostname: string;
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

export function originsOf({ bind, protection }: ListenPlan, port: number, machine: Machine): Origins {
  const scheme = protection.type === "tls-auto" || protection.type === "tls-files" ? "https" : "http";
  const at = (host: string): string => new URL(`${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`).origin;
  const everywhere = bind === "0.0.0.0" || bind === "::";
  const loopbacks = [at(LOOPBACK), at("localhost"), at("::1")];
  if (isLoopbackAddress(bind)) return { local: at(bind), public: at(bind), all: unique([at(bind), ...loopbacks]) };
  const own = everywhere ? externalAddresses(machine) : [bind];
  const [first] = own;
  const local = everywhere ? at(LOOPBACK) : at(bind);
  const named = /^[A-Za-z0-9.-]+$/.test(machine.hostname) ? [at(machine.hostname)] : [];
  return {
    local,
    public: first === undefined ? local : at(first),
    all: unique([local, ...own.map(at), ...(everywhere ? loopbacks : []), ...named]),
  };
}

/**
 * The names the Worker lets itself be called by, beside addresses. None with TLS: there a page of elsewhere would need
 * our key for its own name, and the certificate may have any.
 */
export function ownNames({ protection }: ListenPlan, { hostname }: Machine): string[] {
  if (protection.type === "tls-auto" || protection.type === "tls-files") return [];
  const name = hostname.toLowerCase();
  const [label = ""] = name.split(".");
  return unique(["localhost", ...(HOST_NAME.test(name) ? [name, label, `${label}.local`] : [])]);
}

const HOST_NAME = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** Addresses other machines may know, IPv4 first. */
export function externalAddresses({ interfaces }: Machine): string[] {
  const all = Object.values(interfaces).flatMap((found) => found ?? []);
  const usable = all.filter(({ internal, address, family }) => !internal && !(family === "IPv6" && address.startsWith("fe80")));
  return [...usable.filter(({ family }) => family === "IPv4"), ...usable.filter(({ family }) => family === "IPv6")].map(
    ({ address }) => address,
  );
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
