/** `%h` and the like, `${NAME}` and `~`, in the words of ssh_config(5). Pure. */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** Of this machine and the user whose ssh_config it is. */
export interface LocalUser {
  name: string;
  uid: number;
  home: string;
  hostname: string;
  env: Readonly<Record<string, string | undefined>>;
}

export interface RemoteNames {
  alias: string;
  hostName: string;
  port: number;
  user: string;
  hostKeyAlias: string | undefined;
}

export type Tokens = Readonly<Record<string, string>>;

export function tokensOf(remote: RemoteNames, local: LocalUser): Tokens {
  const { hostname } = local;
  return {
    C: createHash("sha1").update(`${hostname}${remote.hostName}${remote.port}${remote.user}`).digest("hex"),
    d: local.home,
    h: remote.hostName,
    i: String(local.uid),
    k: remote.hostKeyAlias ?? remote.alias,
    L: hostname.split(".")[0] ?? hostname,
    l: hostname,
    n: remote.alias,
    p: String(remote.port),
    r: remote.user,
    u: local.name,
  };
}

/** Those that ProxyCommand and ProxyJump know. */
export const routeTokens = ({ h = "", n = "", p = "", r = "" }: Tokens): Tokens => ({ h, n, p, r });

/** Undefined where a token is none of these. */
export function expandTokens(text: string, tokens: Tokens): string | undefined {
  let isKnown = true;
  const expanded = text.replace(/%(.?)/gs, (_, name: string) => {
    if (name === "%") return "%";
    const value = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
    isKnown &&= value !== undefined;
    return value ?? "";
  });
  return isKnown ? expanded : undefined;
}

/** `~` first, then variables and tokens, as ssh does. Undefined where one of them is unknown. */
export function expandPath(text: string, tokens: Tokens, local: LocalUser): string | undefined {
  const path = expandHome(text, local.home);
  let isKnown = true;
  const filled = path.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = Object.hasOwn(local.env, name) ? local.env[name] : undefined;
    isKnown &&= value !== undefined;
    // What a variable holds is no token.
    return (value ?? "").replaceAll("%", "%%");
  });
  return isKnown ? expandTokens(filled, tokens) : undefined;
}

export const expandHome = (path: string, home: string): string =>
  path === "~" ? home : path.startsWith("~/") ? join(home, path.slice(2)) : path;
