/** `maestro shutdown` [SKILL41]: agents and tasks end; control plane, hosts and everything that is kept stay. */
import { isFinal, type CleanupResult, type FinalState, type Task } from "@maestro/shared/contract/tasks";
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { STOP_GRACE_MS } from "@maestro/shared/limits";
import type { ApiClient, Item } from "../api/client.ts";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { Interrupted } from "../interrupted.ts";
import { Interruption } from "../interruption.ts";
import { asProblem, exitFor, renderProblem, ServerRefusal, type ServerProblem } from "../render/failure.ts";
import { cancel, openTasks, QUIET } from "./cancel-tasks.ts";
import { awaitTask, patienceOf } from "./task-await.ts";

type Agent = Item<"agents">;
type Done<T> = T & { problem?: ServerProblem };

const DEFAULT_GRACE_S = (2 * STOP_GRACE_MS) / 1000;
/** What a session has, from the hang-up to the kill. */
const SESSION_GRACE_S = 2;
/** Of a host, to see to it and tell. */
const SLACK_MS = 10_000;
const DAY_MS = 24 * 3_600_000;
const AT_ONCE = 8;

export const shutdown = defineCommand({
  group: "run",
  name: "shutdown",
  summary: "Stop all agents and tasks; the control plane, hosts and other sessions go on",
  flags: {
    "grace-period": flag.integer(`how long tasks may take to end by themselves before they are killed; default ${DEFAULT_GRACE_S}`, {
      min: 0,
      max: DEFAULT_GRACE_S,
      example: 5,
      placeholder: "s",
    }),
    keep: flag.toggle("also keep workspaces of tasks that ended longer ago than MAESTRO_SNAPSHOT_RETENTION days (7)"),
  },
  params: {},
  examples: ["maestro shutdown --grace-period 5", "maestro shutdown --keep --yes --json"],
  async run(context, { flags }) {
    const { out, io, confirm, settings } = context;
    const client = context.api();
    const days = settings().snapshotRetention;
    const [agents, tasks, old] = await Promise.all([
      runningAgents(client),
      openTasks(client),
      flags.keep ? [] : endedBefore(client, io.nowMs() - days * DAY_MS),
    ]);
    if (agents.length + tasks.length + old.length > 0) await confirm(question(agents.length, tasks.length, old.length, days));
    const graceS = flags["grace-period"] ?? DEFAULT_GRACE_S;
    const cancelled = await inTurn(tasks, (task) =>
      told({ id: task.id }, () => cancel(client, task.id, "Shut down.", (graceS * 1000) / 2)),
    );
    const stopped = await inTurn(agents, ({ id, name }) => told({ id, name }, () => stop(client, id, graceS < SESSION_GRACE_S)));
    const ended = await awaitAll(context, client, cancelled, graceS);
    const cleaned = await inTurn(old, ({ id }) => clean(client, id));
    const removed = cleaned.flatMap(({ items }) => items).filter(({ outcome }) => outcome === "removed").length;
    const problems = [...stopped, ...ended, ...cleaned].flatMap(({ problem }) => problem ?? []);
    out.one({ agents: stopped, tasks: ended, cleaned }, () => [
      agents.length + tasks.length === 0
        ? "No agent and no task runs."
        : `${count(stopped, "agent")} stopped, ${count(ended, "task")} ended.`,
      ...(removed === 0 ? [] : [`${removed} ${removed === 1 ? "workspace" : "workspaces"} removed.`]),
      "Agents, state and workspaces stay; the control plane goes on: maestro down stops it.",
    ]);
    const [first] = problems;
    if (first === undefined) return EXIT.ok;
    for (const problem of out.mode === "json" ? [first] : problems) io.stderr.write(`${renderProblem(problem, out.mode === "json")}\n`);
    return exitFor(first);
  },
});

const many = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;
const count = (all: readonly Done<object>[], one: string): string => many(all.filter(({ problem }) => problem === undefined).length, one);

function question(agents: number, tasks: number, old: number, days: number): string {
  const parts = [
    ...(agents === 0 ? [] : [`stop ${many(agents, "agent")}`]),
    ...(tasks === 0 ? [] : [`cancel ${many(tasks, "task")}`]),
    ...(old === 0 ? [] : [`remove the workspaces of ${many(old, "task")} that ended more than ${many(days, "day")} ago`]),
  ];
  const text = parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}` : parts.join("");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}?`;
}

/** Of a host that is away it is not known: it is tried, and said. */
const runningAgents = async (client: ApiClient): Promise<Agent[]> =>
  (await client.all("agents")).filter(({ status }) => status === "starting" || status === "working" || status === "unknown");

async function endedBefore(client: ApiClient, ms: number): Promise<Task[]> {
  const ended = await client.all("tasks", { query: { status: FINAL.join(",") } });
  return ended.filter(({ finishedAt }) => finishedAt !== undefined && Date.parse(finishedAt) < ms);
}
const FINAL: readonly FinalState[] = ["completed", "failed", "cancelled", "timed_out", "lost"];

/** A few at a time; what goes wrong with one is told, and holds up none of the others. */
async function inTurn<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) done.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(each))));
  return done;
}

async function told<T extends object>(about: T, act: () => Promise<void>): Promise<Done<T>> {
  try {
    await act();
    return about;
  } catch (error) {
    if (error instanceof ServerRefusal || error instanceof MaestroFailure) return { ...about, problem: asProblem(error) };
    throw error;
  }
}

/** One that ended meanwhile is stopped. */
async function stop(client: ApiClient, id: string, force: boolean): Promise<void> {
  try {
    await client.call("agentStop", { params: { id }, body: force ? { force } : {} });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "agent_not_running") throw error;
  }
}

async function awaitAll(
  context: Context,
  client: ApiClient,
  tasks: readonly Done<{ id: string }>[],
  graceS: number,
): Promise<Done<{ id: string; status?: string }>[]> {
  using interruption = new Interruption();
  const patience = patienceOf(context, interruption);
  const untilMs = context.io.nowMs() + graceS * 1000 + SLACK_MS;
  return inTurn(tasks, async (task) => {
    if (task.problem !== undefined) return task;
    let status: string | undefined;
    const done = await told({ id: task.id }, async () => {
      const ended = await awaitTask(client, task.id, patience, QUIET, untilMs, context.io.nowMs);
      if (interruption.happened) throw new Interrupted("before all tasks had ended; they go on ending", "See: maestro task list");
      if (ended === undefined || !isFinal(ended.status))
        throw fail("timeout", `Task ${task.id} was cancelled, and has not ended yet.`, {
          hint: `Its host may be away; see: maestro task status ${task.id}`,
        });
      status = ended.status;
    });
    return status === undefined ? done : { ...done, status };
  });
}

/** As `maestro cleanup` does it: what a person named, and work that is nowhere else, is kept. */
async function clean(client: ApiClient, id: string): Promise<Done<CleanupResult>> {
  let items: CleanupResult["items"] = [];
  const done = await told({ task: id }, async () => {
    ({ items } = await client.call("taskCleanup", { params: { id }, body: {} }));
    const away = items.find(({ outcome }) => outcome === "unreachable");
    if (away !== undefined)
      throw fail("host_unreachable", `Not all of task ${id} could be cleaned up: ${away.host} cannot be reached.`, {
        hint: `Once the host is back: maestro cleanup ${id}`,
      });
  });
  return { ...done, items };
}
