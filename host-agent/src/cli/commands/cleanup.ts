/** `maestro cleanup`, `maestro workspace clean` */
import { eachPlace, unreachedHosts, type CleanedItem } from "@maestro/shared/contract/cleaned";
import { isFinal, type CleanupResult, type Task } from "@maestro/shared/contract/tasks";
import { EXIT, fail } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { asProblem, exitFor, renderProblem, ServerRefusal } from "../render/failure.ts";
import { resolveAgent } from "../resolve.ts";
import { whichTask } from "./task.ts";

export const cleanup = defineCommand({
  group: "task",
  name: "cleanup",
  summary: "Stop a task, collect its log, remove its workspace",
  flags: { "keep-logs": flag.toggle("leave the logs on the host as well") },
  params: { task: whichTask },
  examples: ["maestro cleanup tsk_01j9", "maestro cleanup t123 --keep-logs --yes"],
  async run({ api, out, io, confirm }, { params, flags }) {
    const client = api();
    const task = await client.call("task", { params: { id: params.task } });
    if (!isFinal(task.status)) await confirm(`Task ${task.id} is ${task.status}: stop it and remove its workspace?`);
    const result = await client.call("taskCleanup", { params: { id: task.id }, body: flags["keep-logs"] ? { keepLogs: true } : {} });
    out.one(
      result,
      ({ items }) => (items.length === 0 ? [`Task ${result.task} has nothing to clean up.`] : eachPlace(items).map(itemText)),
      result.task,
    );
    const failure = unreachable(result);
    if (failure === undefined) return EXIT.ok;
    io.stderr.write(`${renderProblem(asProblem(failure), out.mode === "json")}\n`);
    return exitFor(asProblem(failure));
  },
});

function itemText({ attempt, host, workspace, outcome, detail, logKept }: CleanedItem): string {
  const place = `${workspace ?? attempt} on ${host}`;
  const log = logKept ? "; its log stays on the host" : "";
  const why = detail === undefined ? "" : `: ${detail}`;
  switch (outcome) {
    case "removed":
      return `${place} is removed${log}.`;
    case "kept":
      return `${place} is kept${log}${why}`;
    case "absent":
      return `${place} is not there any more${log}.`;
    case "unreachable":
      return `${place} could not be reached${why}`;
  }
}

const unreachable = ({ task, items }: CleanupResult) => {
  const hosts = unreachedHosts(items);
  if (hosts.length === 0) return undefined;
  return fail("host_unreachable", `Not all of task ${task} could be cleaned up: ${hosts.join(", ")} cannot be reached.`, {
    hint: "Once the host is back: run it again.",
  });
};

export const workspaceClean = defineCommand({
  group: "agent",
  name: "workspace clean",
  summary: "Stop an agent and remove the workspaces of its tasks; its own directory stays",
  flags: {},
  params: { agent: param.required("name, id or unique beginning of an id") },
  examples: ["maestro workspace clean claude", "maestro workspace clean agt_01j9 --yes"],
  async run({ api, out, io, confirm }, { params }) {
    const client = api();
    const agent = await resolveAgent(client, params.agent);
    await confirm(`Stop agent '${agent.name}', cancel its tasks and remove their workspaces?`);
    await stop(client, agent.id);
    const tasks = await client.all("tasks", { query: { agent: agent.id } });
    const { own, shared } = byOwner(tasks, agent.id);
    const results: CleanupResult[] = [];
    for (const { id } of own) results.push(await client.call("taskCleanup", { params: { id }, body: {} }));
    const items = results.flatMap((result) => result.items);
    const removed = items.filter(({ outcome }) => outcome === "removed");
    out.one(
      { agent: agent.id, name: agent.name, items, skipped: shared.map(({ id }) => id) },
      () => [
        `${agent.name} is stopped; ${removed.length} ${removed.length === 1 ? "workspace" : "workspaces"} removed.`,
        // All tasks of an agent may have worked in one directory.
        ...new Set(items.filter(({ outcome }) => outcome === "kept" || outcome === "unreachable").map(itemText)),
        ...shared.map(({ id }) => `Task ${id} is of other agents as well: maestro cleanup ${id}`),
      ],
      agent.id,
    );
    const failure = results.map(unreachable).find((one) => one !== undefined);
    if (failure === undefined) return EXIT.ok;
    io.stderr.write(`${renderProblem(asProblem(failure), out.mode === "json")}\n`);
    return exitFor(asProblem(failure));
  },
});

/** One that does not run is stopped already. */
async function stop(client: ApiClient, id: string): Promise<void> {
  try {
    await client.call("agentStop", { params: { id }, body: {} });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "agent_not_running") throw error;
  }
}

/** A task is cleaned up whole: one that others work on as well is not this agent's to end. */
function byOwner(tasks: readonly Task[], agent: string): { own: Task[]; shared: Task[] } {
  const isOwn = ({ targets }: Task): boolean => targets.every((target) => target.agent?.id === agent);
  return { own: tasks.filter(isOwn), shared: tasks.filter((task) => !isOwn(task)) };
}
