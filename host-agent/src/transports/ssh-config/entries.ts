/** What this machine's own ssh_config offers to be added as remote hosts, within the bounds of one answer [SSH8]. */
import { setImmediate } from "node:timers/promises";
import { checkRemote } from "@maestro/shared/contract/check-remote";
import type { HostSshConfig, SshConfigEntry } from "@maestro/shared/contract/ssh-config";
import { MAX_SSH_CONFIG_ENTRIES, PAGE_BYTES } from "@maestro/shared/limits";
import { ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { describeHost, hostNames, runNothing, type ListedHost } from "./list.ts";
import { loadConfig, type ConfigFile, type LoadedLine } from "./load.ts";
import { resolveLoaded } from "./resolve.ts";
import type { LocalUser } from "./tokens.ts";

const MAX = { host: 255, hostName: 255, user: 64, identityFile: 1024, proxyJump: 1024, problem: 512 } as const;

/**
 * @param own whose Hosts are offered; `system` counts for them. @param late nobody would wait for more: what was looked at so far is all.
 * Errors: `ssh_config_invalid`, `insecure_permissions`, where the file says nothing that could be relied upon.
 */
export async function configEntries(
  { own, system }: { own: ConfigFile; system: readonly ConfigFile[] },
  local: LocalUser,
  late: () => boolean,
): Promise<Result<Pick<HostSshConfig, "entries" | "truncated">>> {
  const loaded = await loadConfig([own], local.home);
  if (!loaded.ok) return loaded;
  const around = await loadConfig(system, local.home);
  if (!around.ok) return around;
  const lines = [...loaded.value, ...around.value];
  const entries: SshConfigEntry[] = [];
  let bytes = 2;
  const names = hostNames(loaded.value).filter((name) => name !== "");
  for (const name of names.slice(0, MAX_SSH_CONFIG_ENTRIES)) {
    // A long file must not keep everything else here waiting.
    await setImmediate();
    if (late()) break;
    const described = await describeHost(name, lines, local);
    if (!described.ok) return described;
    const entry = fitted(described.value, await problemOf(name, lines, local));
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > PAGE_BYTES) break;
    entries.push(entry);
  }
  return ok({ entries, truncated: entries.length < names.length });
}

/** Why a record that names it as its address, and no more, would lead nowhere. */
async function problemOf(host: string, lines: readonly LoadedLine[], local: LocalUser): Promise<string | undefined> {
  const record = checkRemote({ address: host, sshConfig: true });
  if (!record.ok) return record.error.detail;
  if (record.value.address !== host) return "Its name would be read as an address with a user or a port.";
  const target = await resolveLoaded(record.value, lines, { local, run: runNothing });
  return target.ok ? undefined : target.error.detail;
}

function fitted(listed: ListedHost, problem: string | undefined): SshConfigEntry {
  const { host, hostName, port, user, identityFile, proxyJump } = listed;
  return {
    // Cut only where it is refused for its length.
    host: host.slice(0, MAX.host),
    ...within("hostName", hostName),
    ...within("user", user),
    ...(port === undefined ? {} : { port }),
    ...within("identityFile", identityFile),
    ...within("proxyJump", proxyJump),
    ...(problem === undefined ? {} : { problem: stripUnsafe(problem, MAX.problem) }),
  };
}

const within = <K extends keyof typeof MAX>(field: K, text: string | undefined): Partial<Record<K, string>> => {
  const kept: Partial<Record<K, string>> = {};
  if (text !== undefined && text.length <= MAX[field]) kept[field] = text;
  return kept;
};
