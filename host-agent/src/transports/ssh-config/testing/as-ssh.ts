/** The same things of a host, as the ssh that is installed tells them (`ssh -G`) and as we do. */
import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { SshTarget } from "../../ssh-target.ts";

const { homedir } = userInfo();

/** What the ssh that is installed makes of it, in our words. */
export function asSsh(config: string, alias: string, ...options: string[]) {
  const told = execFileSync("ssh", ["-G", "-F", config, ...options, alias], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const pairs = told.split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);
  const all = (keyword: string) => pairs.filter(([key]) => key === keyword).map(([, value]) => value);
  const one = (keyword: string) => all(keyword)[0];
  const identities = all("identityfile").filter((path) => path !== "none");
  return {
    hostName: one("hostname"),
    port: Number(one("port")),
    user: one("user"),
    // ssh's own defaults are more than ours, which ssh2 cannot use.
    identityFiles: identities.includes("~/.ssh/id_xmss")
      ? ["id_ed25519", "id_ecdsa", "id_rsa"].map((name) => join(homedir, ".ssh", name))
      : identities.map((path) => path.replace(/^~\//, `${homedir}/`)),
    identitiesOnly: one("identitiesonly") === "yes",
    agent: one("identityagent"),
    jump: one("proxyjump"),
    // Told with its tokens as they are.
    command: one("proxycommand")
      ?.replace("%h", one("hostname") ?? "")
      .replace("%p", one("port") ?? "")
      .replace("%%", "%"),
    connectTimeoutMs: (Number(one("connecttimeout")) || 10) * 1000,
    aliveIntervalMs: (Number(one("serveraliveinterval")) || 15) * 1000,
    aliveCountMax: Number(one("serveralivecountmax")),
    hostKeyAlias: one("hostkeyalias"),
    knownHostsFiles: [one("userknownhostsfile"), one("globalknownhostsfile")].filter((list) => list !== "none").join(" "),
  };
}

const AGENTS = { environment: undefined, none: "none", socket: undefined };
export function asOurs(ours: SshTarget) {
  const hops = ours.route.kind === "jump" ? ours.route.hops : [];
  return {
    hostName: ours.hostName,
    port: ours.port,
    user: ours.user,
    identityFiles: ours.identityFiles.map(({ path }) => path),
    identitiesOnly: ours.identitiesOnly,
    agent: ours.agent.kind === "socket" ? ours.agent.path : AGENTS[ours.agent.kind],
    jump:
      hops.length === 0
        ? undefined
        : hops.map(({ alias, user, port }) => `${user}@${alias.includes(":") ? `[${alias}]` : alias}:${port}`).join(","),
    command: ours.route.kind === "command" ? ours.route.line : undefined,
    connectTimeoutMs: ours.connectTimeoutMs,
    aliveIntervalMs: ours.aliveIntervalMs,
    aliveCountMax: ours.aliveCountMax,
    hostKeyAlias: ours.hostKeyAlias,
    knownHostsFiles: ours.knownHostsFiles.join(" "),
  };
}
