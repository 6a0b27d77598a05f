/** What people write for where a remote host is: a name, an address, `user@host`, `ssh://user@host:port`, `[v6]:port`. */
import * as z from "zod";
import { err, ok, type Result } from "../result.ts";
import { maestroError } from "../errors.ts";
import { escapeUnsafe } from "../sanitize.ts";

export interface RemoteAddress {
  host: string;
  user: string | undefined;
  port: number | undefined;
}

/** Nothing that a shell or an option parser reads as something else, as hosts and users may become part of a ProxyCommand. */
const HOST_PATTERN = /^[\p{L}\p{N}_][\p{L}\p{N}_.+-]*$/u;
const USER_PATTERN = /^[A-Za-z0-9_](?:[A-Za-z0-9_.@\\+-]*[A-Za-z0-9_.$-])?$/;
const MAX_HOST_CHARS = 255;
const MAX_USER_CHARS = 64;

/** Errors: `host_invalid`, `user_invalid`, `port_invalid`, each with the field `address`. */
export function parseRemoteAddress(text: string): Result<RemoteAddress> {
  const url = /^ssh:\/\//i.exec(text);
  const rest = url === null ? text : text.slice(url[0].length).replace(/\/$/, "");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(rest)) return hostInvalid(text, "is a URL of another kind than ssh://");
  if (rest.startsWith("-")) return hostInvalid(text, "begins with a dash");
  const at = rest.lastIndexOf("@");
  const user = at === -1 ? undefined : rest.slice(0, at);
  if (url !== null && user?.includes(":") === true)
    return err(
      maestroError("user_invalid", "The address holds a password.", {
        field: "address",
        hint: "Keys and ssh-agent are used; leave the password out.",
      }),
    );
  if (user !== undefined) {
    const problem = userProblem(user);
    if (problem !== undefined)
      return err(maestroError("user_invalid", `User '${escapeUnsafe(user)}' ${problem}.`, { field: "address", hint: USER_HINT }));
  }
  const place = splitPort(rest.slice(at + 1));
  const problem = hostProblem(place.host);
  if (problem !== undefined) return hostInvalid(place.host, problem);
  if (place.port === undefined) return ok({ host: place.host, user, port: undefined });
  const port = readPort(place.port);
  if (port === undefined)
    return err(maestroError("port_invalid", `Port '${escapeUnsafe(place.port)}' is none.`, { field: "address", hint: PORT_HINT }));
  return ok({ host: place.host, user, port });
}

export const PORT_HINT = "A port is a whole number from 1 to 65535.";

export const USER_HINT = "A user is made of letters, digits, '_', '.' and '-'.";

/** Undefined if it is none. */
export function readPort(given: number | string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(String(given))) return undefined;
  return Number(given) <= 65_535 ? Number(given) : undefined;
}

export function userProblem(user: string): string | undefined {
  if (user === "") return "is empty";
  if (user.startsWith("-")) return "begins with a dash";
  if (user.length > MAX_USER_CHARS) return `is longer than ${MAX_USER_CHARS} characters`;
  return USER_PATTERN.test(user) ? undefined : "holds characters that no user name has";
}

export function hostProblem(host: string): string | undefined {
  if (host.trim() === "") return "is blank";
  if (host.startsWith("-")) return "begins with a dash";
  if (host.length > MAX_HOST_CHARS) return `is longer than ${MAX_HOST_CHARS} characters`;
  if (host.includes(":")) return isIpv6(host) ? undefined : "is no IPv6 address";
  if (!HOST_PATTERN.test(host)) return "holds characters that no host name has";
  if (host.includes("..")) return "has an empty part";
  if (/^[0-9.]+$/.test(host) && !z.ipv4().safeParse(host).success) return "is no IPv4 address";
  return undefined;
}

/** Of the range that Tailscale gives out, or a name in a tailnet. */
export function isTailscale(host: string): boolean {
  if (/\.ts\.net\.?$/i.test(host)) return true;
  const [first, second] = host.split(".").map(Number);
  return z.ipv4().safeParse(host).success && first === 100 && second !== undefined && second >= 64 && second <= 127;
}

function splitPort(place: string): { host: string; port: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(place);
  if (bracketed !== null) return { host: bracketed[1] ?? "", port: bracketed[2] };
  const colon = place.indexOf(":");
  const isSole = colon !== -1 && colon === place.lastIndexOf(":");
  return isSole ? { host: place.slice(0, colon), port: place.slice(colon + 1) } : { host: place, port: undefined };
}

function isIpv6(host: string): boolean {
  const [address = "", zone, ...more] = host.split("%");
  return more.length === 0 && z.ipv6().safeParse(address).success && (zone === undefined || /^[A-Za-z0-9_.-]+$/.test(zone));
}

const hostInvalid = (host: string, problem: string) =>
  err(
    maestroError("host_invalid", `Host '${escapeUnsafe(host)}' ${problem}.`, {
      field: "address",
      hint: "For example gpu.example.com, user@10.0.0.5 or ssh://user@[2001:db8::5]:2222",
    }),
  );
