/** Where a record of a remote host leads: its own fields, then its options, then the user's ssh_config, then defaults. */
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { hostProblem, parseRemoteAddress, userProblem } from "@maestro/shared/contract/remote-address";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { sshOptionProblem } from "@maestro/shared/contract/ssh-options";
import type { Route, SshTarget } from "../ssh-target.ts";
import { evaluate, jumpOf, type RunMatch, type Settings } from "./evaluate.ts";
import { loadConfig, type ConfigFile, type LoadedLine } from "./load.ts";
import { targetOf } from "./target.ts";
import { expandTokens, routeTokens, tokensOf, type LocalUser } from "./tokens.ts";
import { RECORD_PATH, Values } from "./values.ts";
import { splitWords, type ConfigLine } from "./words.ts";

export interface ResolveDeps {
  local: LocalUser;
  /** Read only where the record says `sshConfig`. */
  files: readonly ConfigFile[];
  run: RunMatch;
}

type LoadedDeps = Omit<ResolveDeps, "files">;
type Asked = Pick<RemoteRecord, "address" | "user" | "port" | "identity" | "sshConfig" | "options">;

const MAX_HOPS = 8;
const TOO_MANY = `there are more than ${MAX_HOPS} hosts on the way, or they go in a circle`;

/**
 * Errors: `host_invalid`, `user_invalid`, `field_invalid` of the record (it came over the network, so it is checked again),
 * `ssh_config_invalid` and `insecure_permissions` of files.
 */
export async function resolveTarget(record: Asked, deps: ResolveDeps): Promise<Result<SshTarget>> {
  const problem = recordProblem(record);
  if (problem !== undefined) return err(problem);
  const loaded = record.sshConfig ? await loadConfig(deps.files, deps.local.home) : ok([]);
  return loaded.ok ? resolveLoaded(record, loaded.value, deps) : loaded;
}

/** The same of a record that was checked, with files that are read. */
export async function resolveLoaded(record: Asked, lines: readonly LoadedLine[], deps: LoadedDeps): Promise<Result<SshTarget>> {
  const given = [
    ...(record.user === undefined ? [] : [own("user", record.user)]),
    ...(record.port === undefined ? [] : [own("port", String(record.port))]),
    ...Object.entries(record.options).map(([name, value]) => own(name, value)),
  ];
  return resolveOne({ alias: record.address, given, identity: record.identity }, lines, deps, MAX_HOPS);
}

interface Wanted {
  alias: string;
  given: readonly ConfigLine[];
  identity: string | undefined;
}

async function resolveOne(wanted: Wanted, lines: readonly LoadedLine[], deps: LoadedDeps, hopsLeft: number): Promise<Result<SshTarget>> {
  const settings = await evaluate(wanted.alias, wanted.given, lines, deps.local, deps.run);
  if (!settings.ok) return settings;
  const target = targetOf(wanted.alias, settings.value, wanted.identity, deps.local);
  if (!target.ok) return target;
  const route = await routeOf(target.value, settings.value, lines, deps, hopsLeft);
  return route.ok ? ok({ ...target.value, route: route.value }) : route;
}

async function routeOf(
  target: SshTarget,
  settings: Settings,
  lines: readonly LoadedLine[],
  deps: LoadedDeps,
  hopsLeft: number,
): Promise<Result<Route>> {
  const values = new Values(settings);
  const [line] = [...values.lines("proxycommand"), ...values.lines("proxyjump")];
  const text = line?.keyword === "proxyjump" ? jumpOf(line) : (line?.rest.trim() ?? "");
  if (line === undefined || text === "" || text.toLowerCase() === "none") return ok({ kind: "direct" });
  const expanded = expandTokens(text, routeTokens(tokensOf(target, deps.local)));
  if (expanded === undefined) {
    values.refuse(line, "it holds a token that there is not");
    return values.result({ kind: "direct" });
  }
  if (line.keyword === "proxycommand") {
    if (values.isYes("proxyusefdpass") === true) values.refuse(line, "ProxyUseFdpass is not spoken here");
    return values.result({ kind: "command", line: expanded });
  }
  if (hopsLeft === 0) values.refuse(line, TOO_MANY);
  const hops: SshTarget[] = [];
  for (const [index, hop] of expanded.split(",").entries()) {
    if (hops.length > MAX_HOPS) values.refuse(line, TOO_MANY);
    if (values.problem !== undefined) break;
    const place = parseRemoteAddress(hop.trim());
    if (!place.ok) {
      values.refuse(line, place.error.detail.replace(/\.$/, ""));
      break;
    }
    const given = [
      ...(place.value.user === undefined ? [] : [own("user", place.value.user)]),
      ...(place.value.port === undefined ? [] : [own("port", String(place.value.port))]),
      // Only the first is reached its own way; the others are reached through the one before.
      ...(index === 0 ? [] : [own("proxyjump", "none")]),
    ];
    const resolved = await resolveOne({ alias: place.value.host, given, identity: undefined }, lines, deps, hopsLeft - 1);
    if (!resolved.ok) return resolved;
    const { route } = resolved.value;
    if (route.kind === "jump") hops.push(...route.hops, { ...resolved.value, route: { kind: "direct" } });
    else hops.push(resolved.value);
  }
  return values.result({ kind: "jump", hops });
}

const own = (keyword: string, value: string): ConfigLine => ({
  keyword: keyword.toLowerCase(),
  words: splitWords(value) ?? [value],
  rest: value,
  path: RECORD_PATH,
  line: 0,
});

function recordProblem(record: Asked) {
  const host = hostProblem(record.address);
  if (host !== undefined) return maestroError("host_invalid", `Host '${record.address}' ${host}.`, { field: "address" });
  const user = record.user === undefined ? undefined : userProblem(record.user);
  if (user !== undefined) return maestroError("user_invalid", `User '${record.user ?? ""}' ${user}.`, { field: "user" });
  for (const [name, value] of Object.entries(record.options)) {
    const problem = sshOptionProblem(name, value);
    if (problem !== undefined) return maestroError("field_invalid", `The option ${name} ${problem}.`, { field: `options.${name}` });
  }
  return undefined;
}
