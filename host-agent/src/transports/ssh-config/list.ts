/** The hosts that an ssh_config(5) names, for people to choose from. */
import { ok, type Result } from "@maestro/shared/result";
import { evaluate, jumpOf } from "./evaluate.ts";
import { loadConfig, type LoadedLine } from "./load.ts";
import { expandPath, tokensOf, type LocalUser } from "./tokens.ts";
import { Values } from "./values.ts";

export interface ListedHost {
  /** Under which ssh knows it: the first plain name of its Host line. */
  host: string;
  hostName?: string;
  port?: number;
  user?: string;
  identityFile?: string;
  proxyJump?: string;
}

/** In the order of the file; no file: no hosts. Errors: `ssh_config_invalid`, `insecure_permissions`. */
export async function listHosts(path: string, local: LocalUser): Promise<Result<ListedHost[]>> {
  const loaded = await loadConfig([{ path, kind: "user" }], local.home);
  if (!loaded.ok) return loaded;
  const hosts: ListedHost[] = [];
  for (const host of hostNames(loaded.value)) {
    const described = await describeHost(host, loaded.value, local);
    if (!described.ok) return described;
    hosts.push(described.value);
  }
  return ok(hosts);
}

/** Each once; wildcards are no hosts. */
export const hostNames = (lines: readonly LoadedLine[]): string[] => [...new Set(namesOf(lines))];

/** What counts for it: a port that is none is left out, and what only Match exec would decide does not count. Errors: `ssh_config_invalid`. */
export async function describeHost(host: string, lines: readonly LoadedLine[], local: LocalUser): Promise<Result<ListedHost>> {
  const settings = await evaluate(host, [], lines, local, runNothing);
  return settings.ok ? ok(describe(host, new Values(settings.value), local)) : settings;
}

/** Nobody who only looks at a list wants programs to be run. */
export const runNothing = (): Promise<boolean> => Promise.resolve(false);

const namesOf = (lines: readonly LoadedLine[]): string[] =>
  lines.flatMap((line) => {
    if (line.included !== undefined) return line.included.flatMap(namesOf);
    return line.keyword === "host" ? line.words.filter((word) => !/^!|[*?]/.test(word)).slice(0, 1) : [];
  });

function describe(host: string, values: Values, local: LocalUser): ListedHost {
  const hostName = values.word("hostname")?.replaceAll("%h", host).replaceAll("%%", "%");
  const port = values.port("port");
  const user = values.word("user");
  const [identity] = values.lines("identityfile").map((line) => line.words[0]);
  const names = { alias: host, hostName: hostName ?? host, port: port ?? 22, user: user ?? local.name, hostKeyAlias: undefined };
  const identityFile = identity === undefined ? undefined : expandPath(identity, tokensOf(names, local), local);
  const [jump] = values.lines("proxyjump").map(jumpOf);
  return {
    host,
    ...(hostName === undefined ? {} : { hostName }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(identityFile === undefined || identityFile.toLowerCase() === "none" ? {} : { identityFile }),
    ...(jump === undefined || jump === "" || jump.toLowerCase() === "none" ? {} : { proxyJump: jump }),
  };
}
