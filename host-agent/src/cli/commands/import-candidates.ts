/** What files of others tell of hosts, as records to add. Pure. */
import * as z from "zod";
import type { RemoteBody } from "@maestro/shared/contract/remote-hosts";
import { maestroError } from "@maestro/shared/errors";
import { nameFrom } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseJson } from "../../config/json.ts";

/** One entry, under the name that it had there. */
export interface Candidate {
  given: string;
  name: string;
  body: RemoteBody;
  /** What of it could not be taken along. */
  note?: string;
  /** Why nothing of it can. */
  skip?: string;
}

/** [DISP2] Fields that are no text are somebody's mistake; the entry says so, and the others are taken. */
const Entry = z.object({
  address: z.string().min(1),
  transport: z.string().optional(),
  container: z.string().optional(),
  user: z.string().optional(),
});
const HostsFile = z.object({ hosts: z.record(z.string(), z.unknown()) });

/** `remote-hosts.json` of remote dispatch. Errors: `json_invalid`, with the file's name. */
export function dispatchHosts(file: string, text: string): Result<Candidate[]> {
  const read = HostsFile.safeParse(parseJson(text));
  if (!read.success)
    return err(
      maestroError("json_invalid", `${file} is no hosts file of remote dispatch.`, {
        field: "hosts-file",
        hint: 'It looks like {"hosts":{"gpu":{"address":"10.0.0.5","transport":"ssh","container":"auto","user":""}}}',
      }),
    );
  return ok(Object.entries(read.data.hosts).map(([given, value]) => dispatchHost(given, value)));
}

function dispatchHost(given: string, value: unknown): Candidate {
  const entry = Entry.safeParse(value);
  if (!entry.success)
    return { ...named(given), body: { address: "" }, skip: `its ${entry.error.issues[0]?.path.join(".") ?? "entry"} is no text` };
  const { address, transport, user, container } = entry.data;
  // There `auto` runs directly [DISP13].
  const inContainer = container === undefined || container === "auto" || container === "" ? {} : { container };
  const body = { address, ...kept("transport", transport), ...kept("user", user), ...inContainer };
  return { ...named(given), body };
}

/** A Host of ssh_config with what it names. [SSH8] */
export interface SshConfigHost {
  host: string;
  hostName?: string | undefined;
  user?: string | undefined;
  port?: number | undefined;
  identityFile?: string | undefined;
  proxyJump?: string | undefined;
}

/**
 * @param readThere the linked host reads this very file: the Host itself is the address then, and all that the file says holds.
 * Otherwise only what another machine can use is taken along.
 */
export function sshConfigCandidate(entry: SshConfigHost, readThere: boolean): Candidate {
  const { host, hostName, user, port, identityFile, proxyJump } = entry;
  if (readThere) return { ...named(host), body: { address: host, sshConfig: true } };
  const body = { address: hostName ?? host, ...kept("user", user), ...(port === undefined ? {} : { port }) };
  if (proxyJump !== undefined)
    return {
      ...named(host),
      body,
      skip: `its way over ${proxyJump} is in the ssh_config of this machine, which the linked host does not read`,
    };
  return {
    ...named(host),
    body,
    ...(identityFile === undefined ? {} : { note: `without the key ${identityFile}, which is on this machine` }),
  };
}

const named = (given: string): Pick<Candidate, "given" | "name"> => ({ given, name: nameFrom(given) });

const kept = <K extends "transport" | "user">(key: K, text: string | undefined): Partial<Record<K, string>> => {
  const found: Partial<Record<K, string>> = {};
  if (text !== undefined && text !== "") found[key] = text;
  return found;
};
