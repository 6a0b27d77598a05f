/** `maestro agent health` */
import type { AgentHealth } from "@maestro/shared/contract/tasks";
import { EXIT } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { readableText } from "../logs/log-filter.ts";
import { ServerRefusal } from "../render/failure.ts";
import { renderFields } from "../render/table.ts";
import { resolveAgent } from "../resolve.ts";

export const agentHealth = defineCommand({
  group: "agent",
  name: "agent health",
  summary: "Whether an agent could take a task now, and why not",
  flags: {
    detail: flag.toggle("every check, and its last task"),
    "log-lines": flag.integer("so many last lines of its last task's log", { min: 0, max: 10_000, example: 20 }),
  },
  params: { agent: param.required("name, id or unique beginning of an id") },
  examples: ["maestro agent health reviewer", "maestro agent health reviewer --detail --log-lines 20"],
  async run({ api, out }, { params, flags }) {
    const client = api();
    const { id } = await resolveAgent(client, params.agent);
    const health = await client.call("agentHealth", { params: { id } });
    const log = flags["log-lines"] === undefined ? undefined : await lastLines(client, health, flags["log-lines"]);
    out.one(log === undefined ? health : { ...health, log }, () => healthText(health, flags.detail, log), id);
    return EXIT.ok;
  },
});

/** The first line is for scripts. */
export function healthText(
  { status, agent, host, reasons, checks, lastTask }: AgentHealth,
  detail: boolean,
  log: readonly string[] | undefined,
): string[] {
  return [
    `status: ${status}`,
    ...reasons.flatMap(({ code, detail: what, hint }) => [
      what.endsWith(`(${code})`) ? `  ${what}` : `  ${what} (${code})`,
      ...(hint === undefined ? [] : [`    ${hint}`]),
    ]),
    ...(detail
      ? [
          ...renderFields([
            ["agent", agent.name],
            ["host", host.name],
            ["last task", lastTask],
          ]),
          ...renderFields(checks.map(({ name, ok, detail: what }) => [`${ok ? "ok " : "bad"} ${name}`, what === "" ? "-" : what])),
        ]
      : []),
    ...(log === undefined ? [] : log.length === 0 ? ["No log."] : ["", ...log]),
  ];
}

async function lastLines(client: ApiClient, { agent, lastTask }: AgentHealth, lines: number): Promise<string[]> {
  if (lastTask === undefined || lines === 0) return [];
  try {
    const text = await client.text("taskLog", { params: { id: lastTask }, query: { agent: agent.id, tailLines: lines } });
    return readableText(text).trimEnd().replaceAll("\t", "    ").split("\n");
  } catch (error) {
    // A task that never started has none.
    if (error instanceof ServerRefusal && error.problem.status === 404) return [];
    throw error;
  }
}
