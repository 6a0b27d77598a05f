/** `maestro agent set` [SSH12] [SSH14] */
import { EXIT, fail } from "@maestro/shared/errors";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { resolveAgent, resolveHost } from "../resolve.ts";
import { clearable, clearablePairs } from "./remote-flags.ts";

const EMPTY = "; empty goes back to none";

export const agentSet = defineCommand({
  group: "agent",
  name: "agent set",
  summary: "Change where an agent works and what is started for it, from its next start on",
  flags: {
    host: flag.text("it moves there, and what it has on its host stays; refused while it works", "host"),
    cwd: clearable("it works there instead of in its workspace; absolute on its host, or ~/…; empty goes back to that", "dir"),
    bin: clearable("what is started instead of its type's CLI; absolute on its host, or ~/…; empty goes back to that", "file"),
    "bin-name": clearable("the name that is looked for instead of its type's CLI; empty goes back to that", "name"),
    env: clearablePairs(`environment, all of it, never secrets${EMPTY}`),
    role: clearable(`free text, e.g. reviewer${EMPTY}`, "role"),
    priority: flag.integer("1 is first", { min: 1, max: 5, example: 2, placeholder: "1-5" }),
    model: clearable(`the model its CLI shall use${EMPTY}`, "model"),
  },
  params: { agent: param.required("name, id or unique beginning of an id") },
  examples: ["maestro agent set claude --cwd /srv/api --env LOG=debug", "maestro agent set claude --host gpu-1 --bin ~/claude/bin/claude"],
  async run({ api, out }, { params, flags }) {
    const client = api();
    const { host, cwd, bin, env, role, priority, model } = flags;
    const binName = flags["bin-name"];
    const texts = Object.entries({ cwd, bin, binName, role, model }).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, text === "" ? null : text] as const],
    );
    const body = {
      ...Object.fromEntries(texts),
      ...(env === undefined ? {} : { env }),
      ...(priority === undefined ? {} : { priority }),
    };
    if (host === undefined && Object.keys(body).length === 0)
      throw fail("usage", "Nothing is to be changed.", { hint: "Say what, for example --cwd /srv/api; see: maestro help agent set" });
    const { id } = await resolveAgent(client, params.agent);
    const there = host === undefined ? {} : { host: (await resolveHost(client, host)).id };
    const agent = await client.call("agentUpdate", { params: { id }, body: { ...body, ...there } });
    out.one(
      agent,
      () =>
        agent.status === "working" || agent.status === "starting"
          ? `${agent.name} is changed, from its next start on: maestro agent restart ${agent.name}`
          : `${agent.name} is changed.`,
      agent.id,
    );
    return EXIT.ok;
  },
});
