/** `maestro agent reset` [SKILL9] */
import { EXIT, fail } from "@maestro/shared/errors";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { resolveAgent } from "../resolve.ts";
import { cancelAndAwait, openTasks } from "./cancel-tasks.ts";

export const agentReset = defineCommand({
  group: "agent",
  name: "agent reset",
  summary: "Stop an agent, empty its workspace, fill it again from its type's template",
  flags: { force: flag.toggle("kill its session at once") },
  params: { agent: param.required("name, id or unique beginning of an id") },
  examples: ["maestro agent reset claude", "maestro agent reset agt_01j9 --yes"],
  async run(context, { params, flags }) {
    const { out, confirm } = context;
    const client = context.api();
    const { id, name, host, workspace } = await resolveAgent(client, params.agent);
    await confirm(`Stop agent '${name}', cancel its tasks, and delete everything in ${workspace} on ${host.name}?`);
    const tasks = await openTasks(client, { agent: id });
    const shared = tasks.find(({ targets }) => targets.some((target) => target.agent?.id !== id));
    if (shared !== undefined)
      throw fail("agent_running", `Task ${shared.id} of '${name}' is of other agents as well.`, {
        hint: `Wait for it, or cancel it for all of them: maestro task cancel ${shared.id}`,
      });
    await cancelAndAwait(context, client, tasks, `Agent '${name}' is reset.`);
    const done = await client.call("agentReset", { params: { id }, body: flags.force ? { force: true } : {} });
    const { agent, removed, template } = done;
    const filled = template === undefined ? `its type '${agent.type}' has no template` : `filled from ${template}`;
    out.one(
      { ...done, cancelled: tasks.map((task) => task.id) },
      () => [
        ...tasks.map((task) => `Task ${task.id} is cancelled.`),
        `${name} is reset: ${removed} ${removed === 1 ? "entry" : "entries"} removed from ${agent.workspace}; ${filled}.`,
      ],
      id,
    );
    return EXIT.ok;
  },
});
