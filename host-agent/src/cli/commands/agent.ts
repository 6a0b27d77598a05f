/** `maestro agent …` */
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { EXIT, fail } from "@maestro/shared/errors";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { parseTypeFile } from "../../adapters/types/parse.ts";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { Item } from "../api/client.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Output } from "../render/output.ts";
import { renderFields, type Column } from "../render/table.ts";
import { resolveAgent, resolveHost } from "../resolve.ts";
import { attachFlags, attachTo } from "./attach.ts";
import { thisHost } from "../this-host.ts";
import { defaultAdapter, withFirstUse } from "./first-use.ts";
import { placed, typeNote } from "./type-text.ts";

type Agent = Item<"agents">;
const which = param.required("name, id or unique beginning of an id");

const columns = (out: Output): Column<Agent>[] => [
  { header: "name", value: ({ name }) => name },
  { header: "type", value: ({ type }) => type },
  { header: "host", value: ({ host }) => host.name },
  { header: "status", value: ({ status }) => status },
  { header: "role", value: ({ role }) => role ?? "" },
  { header: "priority", value: ({ priority }) => String(priority), detail: true },
  { header: "workspace", value: ({ workspace }) => workspace, max: 48 },
  { header: "updated", value: ({ updatedAt }) => out.time(updatedAt) },
  { header: "session", value: ({ session }) => session ?? "", detail: true },
  { header: "id", value: ({ id }) => id, detail: true },
];

const agentText = (out: Output, agent: Agent): string[] =>
  renderFields([
    ["name", agent.name],
    ["id", agent.id],
    ["type", agent.type],
    ["status", agent.status],
    ["host", agent.host.name],
    ["workspace", agent.workspace],
    ["works in", agent.cwd],
    ["program", agent.bin ?? agent.binName],
    ["session", agent.session],
    ["role", agent.role],
    ["priority", String(agent.priority)],
    ["model", agent.model],
    ["tags", agent.tags.join(", ")],
    [
      "environment",
      Object.entries(agent.env)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
    [
      "last exit",
      agent.lastExit === undefined
        ? undefined
        : `${agent.lastExit.reason}${agent.lastExit.code === undefined ? "" : ` ${agent.lastExit.code}`}`,
    ],
    ["created", out.time(agent.createdAt)],
    ["updated", out.time(agent.updatedAt)],
  ]);

export const agentRegister = defineCommand({
  group: "agent",
  name: "agent register",
  summary: "Register an agent type from a file, or show the known types",
  flags: {},
  params: { file: param.optional("an agents.d file (YAML), - for standard input") },
  examples: ["maestro agent register reviewer.yaml", "maestro agent register --json"],
  async run({ api, out, io }, { params }) {
    if (params.file === undefined) {
      const types = (await api().all("agentTypes")).map((type) => ({ ...type, id: type.slug }));
      out.list(
        types,
        [
          { header: "type", value: ({ slug }) => slug },
          { header: "adapter", value: ({ adapter }) => adapter },
          { header: "source", value: ({ source }) => source },
          {
            header: "found on",
            value: ({ hosts }) =>
              hosts
                .filter(({ report }) => report.detected.state === "found")
                .map(({ name }) => name)
                .join(", "),
          },
          { header: "note", value: ({ hosts }) => typeNote(hosts.map(({ report }) => report)) },
        ],
        "No agent type is known yet.",
      );
      return EXIT.ok;
    }
    const type = await api().call("agentTypeCreate", {
      body: readType(params.file === "-" ? 0 : path.resolve(io.cwd, params.file), params.file),
    });
    out.one(type, ({ slug }) => `Type '${slug}' is registered.`, type.slug);
    return EXIT.ok;
  },
});

/** As a host reads its `agents.d`: the same rules, told with the same file and line. */
function readType(file: string | number, shown: string): AgentType {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw fail("agent_type_invalid", `'${shown}' cannot be read (${errnoOf(cause) ?? "unknown reason"}).`, { field: "file" }, cause);
  }
  const parsed = parseTypeFile(bytes);
  if (parsed.type === "type") return parsed.value;
  throw fail("agent_type_invalid", sentence(placed(shown, parsed.line, parsed.problem)), { field: "file" });
}

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

export const agentAssign = defineCommand({
  group: "agent",
  name: "agent assign",
  summary: "Assign an agent of a type to a workspace on a host",
  flags: {
    "to-workspace": flag.text("its directory; a relative one is of this machine", "path"),
    host: flag.text("where; default: this machine, else the only host", "host"),
    name: flag.text("default: the type's name", "name"),
    role: flag.text("free text, e.g. reviewer", "role"),
    priority: flag.integer("1 is first", { min: 1, max: 5, example: 2, placeholder: "1-5" }),
    tag: flag.list("a tag", "tag"),
    model: flag.text("the model its CLI shall use", "model"),
    env: flag.pairs("environment, never secrets"),
  },
  params: {
    type: param.required(
      "see: maestro agent register; an unknown one becomes a mode of MAESTRO_DEFAULT_ADAPTER, else of the first found of kilo, claude, codex, opencode",
    ),
  },
  passthrough: true,
  examples: [
    "maestro agent assign claude --to-workspace .",
    "maestro agent assign codex --to-workspace /srv/api --host gpu-1 --name team-api-codex",
  ],
  async run({ api, out, io, paths }, { params, flags, passthrough }) {
    const given = flags["to-workspace"];
    if (given === undefined)
      throw fail("usage", "An agent needs a workspace.", { field: "to-workspace", hint: "For example: --to-workspace ." });
    const client = api();
    const here = thisHost(paths);
    const host = flags.host === undefined ? here?.hostId : (await resolveHost(client, flags.host)).id;
    const relative = !given.startsWith("/") && !given.startsWith("~/");
    if (relative && (here === undefined || host !== here.hostId)) {
      throw fail("usage", `'${given}' is relative, which means this machine, but the agent's host is another one.`, {
        field: "to-workspace",
        hint: "Give the absolute path on that host.",
      });
    }
    const body = {
      type: params.type,
      workspace: relative ? path.resolve(io.cwd, given) : given,
      ...(host === undefined ? {} : { host }),
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(flags.role === undefined ? {} : { role: flags.role }),
      ...(flags.priority === undefined ? {} : { priority: flags.priority }),
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.tag.length === 0 ? {} : { tags: flags.tag }),
      ...(Object.keys(flags.env).length === 0 ? {} : { env: flags.env }),
      ...(passthrough.length === 0 ? {} : { args: passthrough }),
    };
    const use = { slug: params.type, host, wanted: () => defaultAdapter(io.env) };
    const tell = (line: string): void => out.note(line);
    const agent = await withFirstUse(client, use, tell, () => client.call("agentCreate", { body }));
    out.one(
      agent,
      () => `${agent.name} is assigned to ${agent.workspace} on ${agent.host.name}. Start it: maestro agent attach ${agent.name}`,
      agent.id,
    );
    return EXIT.ok;
  },
});

export const agentList = defineCommand({
  group: "agent",
  name: "agent list",
  summary: "List agents",
  flags: {
    status: flag.choice("which", ["active", "idle", "failed", "all"]),
    group: flag.text("only of this place in the tree", "a/b"),
    host: flag.text("only of this host", "host"),
  },
  params: {},
  examples: ["maestro agent list", "maestro agent list --status active --json"],
  async run({ api, out }, { flags }) {
    const client = api();
    const host = flags.host === undefined ? undefined : (await resolveHost(client, flags.host)).id;
    const agents = await client.all("agents", { query: { status: flags.status, group: flags.group, host } });
    out.list(agents, columns(out), "No agents. Assign one: maestro agent assign <type> --to-workspace <path>");
    return EXIT.ok;
  },
});

export const agentShow = defineCommand({
  group: "agent",
  name: "agent show",
  summary: "Show one agent",
  flags: {},
  params: { agent: which },
  examples: ["maestro agent show claude", "maestro agent show agt_01j9 --json"],
  async run({ api, out }, { params }) {
    const agent = await resolveAgent(api(), params.agent);
    out.one(agent, () => agentText(out, agent), agent.id);
    return EXIT.ok;
  },
});

const backend = flag.choice("what holds its terminal", ["auto", "tmux", "pty"]);
const sized = ({ stdout }: { stdout: NodeJS.WriteStream }): object => (stdout.isTTY ? { cols: stdout.columns, rows: stdout.rows } : {});

const startCommand = (verb: "start" | "restart", route: "agentStart" | "agentRestart", summary: string) =>
  defineCommand({
    group: "agent",
    name: `agent ${verb}`,
    summary,
    flags: { backend },
    params: { agent: which },
    examples: [`maestro agent ${verb} claude`, `maestro agent ${verb} claude --backend pty -q`],
    async run({ api, out, io }, { params, flags }) {
      const client = api();
      const { id, name } = await resolveAgent(client, params.agent);
      const session = await client.call(route, {
        params: { id },
        body: { ...sized(io), ...(flags.backend === undefined ? {} : { backend: flags.backend }) },
      });
      out.one(session, () => `${name} runs in session ${session.id}. See it: maestro agent attach ${name}`, session.id);
      return EXIT.ok;
    },
  });

export const agentStart = startCommand("start", "agentStart", "Start an agent's CLI in a session");
export const agentRestart = startCommand("restart", "agentRestart", "Stop an agent's CLI and start it again");

export const agentStop = defineCommand({
  group: "agent",
  name: "agent stop",
  summary: "End an agent's session",
  flags: { force: flag.toggle("kill it at once") },
  params: { agent: which },
  examples: ["maestro agent stop claude", "maestro agent stop claude --force"],
  async run({ api, out }, { params, flags }) {
    const client = api();
    const { id } = await resolveAgent(client, params.agent);
    const agent = await client.call("agentStop", { params: { id }, body: flags.force ? { force: true } : {} });
    out.one(agent, () => `${agent.name} is stopped.`, agent.id);
    return EXIT.ok;
  },
});

export const agentRemove = defineCommand({
  group: "agent",
  name: "agent remove",
  summary: "Remove an agent; its workspace stays",
  flags: {},
  params: { agent: which },
  examples: ["maestro agent remove claude", "maestro agent remove agt_01j9 --yes"],
  async run({ api, out, confirm }, { params }) {
    const client = api();
    const { id, name, workspace } = await resolveAgent(client, params.agent);
    await confirm(`Remove agent '${name}'?`);
    await client.call("agentRemove", { params: { id } });
    out.one({ id, name, removed: true }, () => `${name} is removed; ${workspace} was left as it is.`, id);
    return EXIT.ok;
  },
});

export const agentAttach = defineCommand({
  group: "agent",
  name: "agent attach",
  summary: "Attach to an agent's terminal, starting it if it does not run",
  flags: attachFlags,
  params: { agent: which },
  examples: ["maestro agent attach claude", "maestro agent attach claude --read-only"],
  async run(context, { params, flags }) {
    const client = context.api();
    const agent = await resolveAgent(client, params.agent);
    const running = agent.session !== undefined && agent.status !== "idle" && agent.status !== "failed";
    if (running && agent.session !== undefined) return attachTo(context, agent.session, flags);
    if (flags["read-only"])
      throw fail("agent_not_running", `${agent.name} does not run.`, { hint: `Start it: maestro agent start ${agent.name}` });
    const session = await client.call("agentStart", { params: { id: agent.id }, body: sized(context.io) });
    return attachTo(context, session.id, flags);
  },
});
