/** `maestro host import`: hosts that ssh_config or remote dispatch know, added as remote ones. */
import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { EXIT, fail } from "@maestro/shared/errors";
import { listHosts } from "../../transports/ssh-config/list.ts";
import { localUser } from "../../transports/ssh-config/here.ts";
import type { LocalUser } from "../../transports/ssh-config/tokens.ts";
import type { ApiClient } from "../api/client.ts";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { ServerRefusal } from "../render/failure.ts";
import type { Column } from "../render/table.ts";
import { resolveHost } from "../resolve.ts";
import { thisHost } from "../this-host.ts";
import { unwrap } from "../unwrap.ts";
import { OPTIONS_VARIABLE, withDispatchOptions } from "./dispatch-options.ts";
import { dispatchHosts, sshConfigCandidate, type Candidate } from "./import-candidates.ts";

const VARIABLE = "REMOTE_DISPATCH_HOSTS_FILE";

interface Imported {
  given: string;
  name: string;
  address: string;
  result: "added" | "skipped";
  /** Why it was skipped, or what of it was left out. */
  why?: string;
  id?: string;
}

const COLUMNS: readonly Column<Imported>[] = [
  { header: "host", value: ({ given }) => given },
  { header: "address", value: ({ address }) => address },
  { header: "result", value: ({ result, name, given }) => (result === "added" && name !== given ? `added as ${name}` : result) },
  { header: "why", value: ({ why = "" }) => why },
];

export const hostImport = defineCommand({
  group: "host",
  name: "host import",
  summary: "Add the hosts that an ssh_config or remote dispatch knows; says what was taken, what was skipped and why",
  flags: {
    "ssh-config": flag.optional("take the Hosts of this file; default: ~/.ssh/config", "file"),
    "hosts-file": flag.optional(
      `take those of this file of remote dispatch; default: ${VARIABLE}, ~/.config/aidevops/remote-hosts.json`,
      "file",
    ),
    "via-config": flag.toggle("take the Hosts of the linked host's own ~/.ssh/config, whichever machine that is"),
    via: flag.text("the linked host that reaches them; default: the only one", "host"),
  },
  params: {},
  conflicts: [["ssh-config", "via-config"]],
  examples: ["maestro host import --via-config --via laptop", "maestro host import --hosts-file ./remote-hosts.json"],
  async run(context, { flags }) {
    const { api, out, io } = context;
    const client = api();
    const sshConfig = flags["ssh-config"];
    const hostsFile = flags["hosts-file"];
    const theirs = flags["via-config"];
    const both = sshConfig === undefined && hostsFile === undefined && !theirs;
    const via = await carrier(client, flags.via);
    const local = localUser(io.env);
    const candidates = [
      ...(both || sshConfig !== undefined ? await sshHosts(sshConfig ?? "", local, isHere(context, via)) : []),
      ...(theirs ? await carrierHosts(context, client, via) : []),
      ...(both || hostsFile !== undefined ? hostsOf(hostsFile ?? "", local.home, io.env[VARIABLE]) : []),
    ].map((candidate) => ({ ...candidate, body: unwrap(withDispatchOptions(candidate.body, io.env[OPTIONS_VARIABLE])) }));
    const rows: Imported[] = [];
    for (const candidate of candidates) rows.push(await take(client, candidate, flags.via));
    const shown = out.mode === "ids" ? rows.filter(({ id }) => id !== undefined) : rows;
    out.listBy(shown, COLUMNS, "No hosts were found in what was read.", ({ id = "" }) => id);
    if (rows.some(({ result }) => result === "added")) out.note("None of them has been checked yet: maestro host check <host>");
    return EXIT.ok;
  },
});

/** Undefined: nobody said which, and it is not plain which; the control plane says so at the first that is added. */
async function carrier(client: ApiClient, ref: string | undefined): Promise<string | undefined> {
  if (ref !== undefined) return (await resolveHost(client, ref)).id;
  const [only, second] = (await client.all("hosts")).filter(({ transport }) => transport === "link");
  return second === undefined ? only?.id : undefined;
}

const isHere = ({ pathsOf }: Context, via: string | undefined): boolean =>
  via !== undefined && (["user", "system"] as const).some((scope) => thisHost(pathsOf(scope))?.hostId === via);

/** A linked host reads its own `~/.ssh/config` and no other file of ours. */
async function sshHosts(file: string, local: LocalUser, isCarrierHere: boolean): Promise<Candidate[]> {
  const standing = path.join(local.home, ".ssh/config");
  const chosen = file === "" ? standing : path.resolve(file);
  if (file !== "" && !existsSync(chosen)) throw noFile(file, "ssh-config");
  const listed = unwrap(await listHosts(chosen, local));
  return listed.map((entry) => sshConfigCandidate(entry, isCarrierHere && chosen === standing));
}

/** They are taken as such: it is the linked host that reads them. */
async function carrierHosts({ out }: Context, client: ApiClient, via: string | undefined): Promise<Candidate[]> {
  if (via === undefined)
    throw fail("usage", "Say whose ~/.ssh/config it is: there is not exactly one linked host.", {
      field: "via",
      hint: "maestro host import --via-config --via <host>",
    });
  const { path: file, exists, entries, truncated } = await client.call("hostSshConfig", { params: { id: via } });
  if (!exists) out.note(`There is no ${file} on that host.`);
  if (truncated)
    out.note(
      `${file} names more hosts than the ${entries.length} that were told. Each of the others: maestro host add <name> <Host> --ssh-config`,
    );
  return entries.map((entry) => ({
    ...sshConfigCandidate(entry, true),
    ...(entry.problem === undefined ? {} : { skip: entry.problem }),
  }));
}

function hostsOf(file: string, home: string, variable: string | undefined): Candidate[] {
  const standing = variable === undefined || variable === "" ? path.join(home, ".config/aidevops/remote-hosts.json") : variable;
  const chosen = file === "" ? standing : file;
  if (existsSync(chosen)) return unwrap(dispatchHosts(chosen, readFileSync(chosen, "utf8")));
  if (file !== "") throw noFile(file, "hosts-file");
  return [];
}

const noFile = (file: string, field: string) => fail("field_invalid", `There is no file '${file}'.`, { field });

/** What is wrong with one entry keeps no other from being added; what is wrong with all of them is told once. */
async function take(client: ApiClient, { given, name, body, note, skip }: Candidate, via: string | undefined): Promise<Imported> {
  const row = { given, name, address: body.address };
  if (skip !== undefined) return { ...row, result: "skipped", why: skip };
  try {
    const { id } = await client.call("hostAdd", { body: { name, ...body, ...(via === undefined ? {} : { via }) } });
    return { ...row, result: "added", id, ...(note === undefined ? {} : { why: note }) };
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.field === "via" || !isOfEntry(error.problem)) throw error;
    return { ...row, result: "skipped", why: error.problem.detail };
  }
}

const isOfEntry = ({ status, code }: ServerRefusal["problem"]): boolean =>
  status === 400 || code === "host_exists" || code === "env_denied";
