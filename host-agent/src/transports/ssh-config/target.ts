/** From the settings that count for a host to where and how to connect, but for its route. Pure. */
import { join } from "node:path";
import type { Result } from "@maestro/shared/result";
import { hostProblem, userProblem } from "@maestro/shared/contract/remote-address";
import {
  DEFAULT_ALIVE_COUNT_MAX,
  DEFAULT_ALIVE_INTERVAL_MS,
  DEFAULT_CONNECT_TIMEOUT_MS,
  DEFAULT_IDENTITIES,
  DEFAULT_PORT,
  MODERN_ALGORITHMS,
  type Identity,
  type IdentityAgent,
  type SshTarget,
} from "../ssh-target.ts";
import type { Settings } from "./evaluate.ts";
import { expandHome, expandPath, expandTokens, tokensOf, type LocalUser, type Tokens } from "./tokens.ts";
import { Values } from "./values.ts";

const GLOBAL_KNOWN_HOSTS = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** @param identity of the record. Errors: `ssh_config_invalid` or `field_invalid`, naming the line or the option. */
export function targetOf(alias: string, settings: Settings, identity: string | undefined, local: LocalUser): Result<SshTarget> {
  const values = new Values(settings);
  const hostName = readHostName(alias, values);
  const user = values.word("user") ?? local.name;
  const userWrong = userProblem(user);
  const [userLine] = values.lines("user");
  if (userWrong !== undefined && userLine !== undefined) values.refuse(userLine, `the user '${user}' ${userWrong}`);
  const port = values.port("port") ?? DEFAULT_PORT;
  const hostKeyAlias = values.word("hostkeyalias")?.toLowerCase();
  const tokens = tokensOf({ alias, hostName, port, user, hostKeyAlias }, local);
  const [revoking] = values.lines("revokedhostkeys");
  if (revoking !== undefined && revoking.words[0]?.toLowerCase() !== "none")
    values.refuse(revoking, "RevokedHostKeys is not read here; put @revoked lines into a known_hosts file instead");
  const { kex, hostKeys, ciphers, macs, publicKeys } = MODERN_ALGORITHMS;
  return values.result({
    alias,
    hostName,
    port,
    user,
    identityFiles: identitiesOf(values, identity, tokens, local),
    certificateFiles: certificatesOf(values, tokens, local),
    identitiesOnly: values.isYes("identitiesonly") ?? false,
    agent: agentOf(values, tokens, local),
    forwardAgent: !["no", "false", undefined].includes(values.word("forwardagent")?.toLowerCase()),
    route: { kind: "direct" },
    // Nothing waits for ever and no connection dies unnoticed: 0 and none mean the default.
    connectTimeoutMs: waitMs(values.seconds("connecttimeout")) || DEFAULT_CONNECT_TIMEOUT_MS,
    aliveIntervalMs: waitMs(values.seconds("serveraliveinterval")) || DEFAULT_ALIVE_INTERVAL_MS,
    aliveCountMax: values.count("serveralivecountmax") || DEFAULT_ALIVE_COUNT_MAX,
    hostKeyAlias,
    knownHostsFiles: knownHostsOf(values, tokens, local),
    algorithms: {
      kex: values.algorithms("kexalgorithms", kex),
      hostKeys: values.algorithms("hostkeyalgorithms", hostKeys),
      ciphers: values.algorithms("ciphers", ciphers),
      macs: values.algorithms("macs", macs),
      publicKeys: values.algorithms("pubkeyacceptedalgorithms", publicKeys),
    },
  });
}

/** A timer set to more than 2^31 ms fires at once. */
const MAX_WAIT_MS = 86_400_000;
const waitMs = (seconds = 0): number => Math.min(seconds * 1000, MAX_WAIT_MS);

function readHostName(alias: string, values: Values): string {
  const word = values.word("hostname");
  const [line] = values.lines("hostname");
  if (word === undefined || line === undefined) return alias.toLowerCase();
  const expanded = expandTokens(word, { h: alias });
  const problem = expanded === undefined ? "holds a token that there is not" : hostProblem(expanded);
  if (problem !== undefined) values.refuse(line, `the name '${word}' ${problem}`);
  return (expanded ?? word).toLowerCase();
}

function identitiesOf(values: Values, identity: string | undefined, tokens: Tokens, local: LocalUser): Identity[] {
  const lines = values.lines("identityfile");
  const configured = lines.flatMap(({ words: [word] }) => {
    const path = word === undefined || word.toLowerCase() === "none" ? undefined : expandPath(word, tokens, local);
    return path === undefined ? [] : [{ path, required: false }];
  });
  const own = identity === undefined ? [] : [{ path: expandHome(identity, local.home), required: true }];
  const hasNone = lines.length === 0 && own.length === 0;
  const all = hasNone
    ? DEFAULT_IDENTITIES.map((name) => ({ path: join(local.home, ".ssh", name), required: false }))
    : [...own, ...configured];
  return all.filter(({ path }, index) => all.findIndex((other) => other.path === path) === index);
}

const certificatesOf = (values: Values, tokens: Tokens, local: LocalUser): string[] =>
  values.lines("certificatefile").flatMap(({ words: [word] }) => {
    const path = word === undefined || word.toLowerCase() === "none" ? undefined : expandPath(word, tokens, local);
    return path ?? [];
  });

function agentOf(values: Values, tokens: Tokens, local: LocalUser): IdentityAgent {
  const word = values.word("identityagent");
  if (word === undefined || word === "SSH_AUTH_SOCK") return { kind: "environment" };
  if (word.toLowerCase() === "none") return { kind: "none" };
  const path = /^\$[A-Za-z_]\w*$/.test(word) ? local.env[word.slice(1)] : expandPath(word, tokens, local);
  return path === undefined || path === "" ? { kind: "none" } : { kind: "socket", path };
}

/** The user's first, as ssh reads them. */
function knownHostsOf(values: Values, tokens: Tokens, local: LocalUser): string[] {
  const isNone = (words: readonly string[]): boolean => words[0]?.toLowerCase() === "none";
  const own = values.words("userknownhostsfile") ?? ["known_hosts", "known_hosts2"].map((name) => join(local.home, ".ssh", name));
  const global = values.words("globalknownhostsfile") ?? GLOBAL_KNOWN_HOSTS;
  return [...(isNone(own) ? [] : own.flatMap((path) => expandPath(path, tokens, local) ?? [])), ...(isNone(global) ? [] : global)];
}
