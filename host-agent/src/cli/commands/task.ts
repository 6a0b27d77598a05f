/** `maestro task status|list|wait|cancel|retry` */
import { TASK_STATES, type Attempt, type Task, type TaskDetail } from "@maestro/shared/contract/tasks";
import { EXIT, fail, maestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import type { ApiClient } from "../api/client.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { Interruption } from "../interruption.ts";
import { openLog } from "../logs/read.ts";
import { asProblem, renderProblem, ServerRefusal } from "../render/failure.ts";
import { resolveAgent } from "../resolve.ts";
import { awaitTask, patienceOf, progressFor, wentAway } from "./task-await.ts";
import { outcomeCode, taskFailure } from "./task-outcome.ts";
import { attemptsText, taskColumns, taskText } from "./task-view.ts";

export const whichTask = param.required("a task's id, or a unique beginning of it");

export const taskStatus = defineCommand({
  group: "task",
  name: "task status",
  summary: "Show one task: its state, why it waits or went wrong; piped, as one JSON object",
  flags: {
    last: flag.toggle("the newest task, or with an agent that agent's newest"),
    command: flag.toggle("print what it was given to do: its prompt, or its command in words for the shell"),
  },
  params: { task: param.optional("a task's id, or an agent: its newest task") },
  examples: ["maestro task status tsk_01j9", "maestro task status --last reviewer | jq -r .status"],
  async run(context, { params, flags }) {
    const client = context.api();
    if (!flags.last && params.task === undefined) {
      throw fail("usage", "Which task?", { field: "task", hint: "Give its id, or --last, or --last <agent>. See: maestro task list" });
    }
    const task = await (flags.last ? newestDetail(client, params.task) : taskOrNewestOf(client, params.task ?? ""));
    if (!flags.command) await showOne(context, client, task);
    else if (context.out.mode === "table") context.out.foreign(`${workText(task)}\n`, false);
    else context.out.one({ id: task.id, prompt: task.prompt, command: task.command }, () => "", task.id);
    return EXIT.ok;
  },
});

/** As it can be given again. */
const workText = ({ prompt, command }: Task): string => prompt ?? (command ?? []).map(shellWord).join(" ");

const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** What a script reads is an object, unless it asks for a table. */
async function showOne({ out, io, globals }: Context, client: ApiClient, task: Task & { attempts?: Attempt[] }): Promise<void> {
  if (out.mode === "table" && globals.format !== "table" && !io.stdout.isTTY) return out.record(task, undefined);
  const stored = out.mode === "table" && task.targets.length === 1 ? await storedOf(client, task.attempts?.at(-1)) : undefined;
  out.one(task, () => [...taskText(out, task, io.nowMs(), stored), ...attemptsText(out, task.attempts ?? [])], task.id);
}

/** [LG2] How much of a log has come from its host: what a task tells of it is what the host said it will be. */
async function storedOf(client: ApiClient, attempt: Attempt | undefined): Promise<number | undefined> {
  if (attempt?.log === undefined) return undefined;
  try {
    // No lines from its end begin where it ends.
    const { start, body } = await openLog(
      client,
      { kind: "attempt", id: attempt.id },
      { tailLines: 0 },
      false,
      new AbortController().signal,
    );
    body.destroy();
    return start;
  } catch {
    // Only beside what was asked for.
    return undefined;
  }
}

const newestDetail = async (client: ApiClient, agent: string | undefined): Promise<TaskDetail> =>
  client.call("task", { params: { id: (await newest(client, { agent })).id } });

async function taskOrNewestOf(client: ApiClient, typed: string): Promise<TaskDetail> {
  try {
    return await client.call("task", { params: { id: typed } });
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "task_not_found") throw error;
    const agents = await client.all("agents").catch(() => []);
    if (!agents.some(({ id, name }) => id === typed || name === typed)) throw error;
    return newestDetail(client, typed);
  }
}

interface Filter {
  agent?: string | undefined;
  status?: string | undefined;
}

async function newest(client: ApiClient, { agent, status }: Filter): Promise<Task> {
  const query = { agent: await agentFilter(client, agent), status, limit: 1 };
  const { items } = await client.call("tasks", { query });
  const [first] = items;
  if (first !== undefined) return first;
  throw fail("task_not_found", agent === undefined ? "There is no such task yet." : `'${agent.slice(0, 64)}' has no such task yet.`, {
    hint: `Make one: maestro task dispatch "…"${agent === undefined ? "" : ` --to ${agent.slice(0, 64)}`}`,
  });
}

/** Who has only an attempt's token sees its own tasks, and no list of agents: the server knows the name. */
async function agentFilter(client: ApiClient, typed: string | undefined): Promise<string | undefined> {
  if (typed === undefined) return undefined;
  try {
    return (await resolveAgent(client, typed)).id;
  } catch (error) {
    if (error instanceof ServerRefusal && (error.problem.code === "agent_forbidden" || error.problem.code === "scope_missing"))
      return typed;
    throw error;
  }
}

const state = (text: string, name: string): Result<string[]> => {
  const states = text.split(",");
  const wrong = states.find((one) => !TASK_STATES.some((known) => known === one));
  if (wrong === undefined) return ok(states);
  const near = nearest(wrong, TASK_STATES);
  return err(
    maestroError("flag_invalid", `--${name}: '${wrong.slice(0, 64)}' is not a state of a task.`, {
      field: name,
      hint: `For example: --${name} ${(near.length > 0 ? near : TASK_STATES).join(", or ")}`,
    }),
  );
};

const PAGE = 200;
const DEFAULT_LIMIT = 100;

export const taskList = defineCommand({
  group: "task",
  name: "task list",
  summary: "List tasks, newest first",
  flags: {
    last: flag.toggle("only the newest; piped, as one JSON object"),
    status: flag.each("only in these states: failed,lost", "state", state),
    agent: flag.text("only of this agent", "agent"),
    limit: flag.integer(`at most so many; default ${DEFAULT_LIMIT}`, { min: 1, max: 10_000, example: 500 }),
  },
  params: {},
  conflicts: [["last", "limit"]],
  examples: ["maestro task list --status running", "maestro task list --last | jq -r .id"],
  async run(context, { flags }) {
    const { out } = context;
    const client = context.api();
    const status = flags.status.length === 0 ? undefined : flags.status.flat().join(",");
    if (flags.last) {
      await showOne(context, client, await newest(client, { agent: flags.agent, status }));
      return EXIT.ok;
    }
    const limit = flags.limit ?? DEFAULT_LIMIT;
    const agent = await agentFilter(client, flags.agent);
    const items: Task[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.call("tasks", { query: { agent, status, cursor, limit: Math.min(PAGE, limit - items.length) } });
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined && items.length < limit);
    out.list(items, taskColumns(out), 'No tasks. Make one: maestro task dispatch "…" --to <agent>');
    if (cursor !== undefined) out.note(`There are older ones: --limit ${Math.min(10_000, limit * 10)}`);
    return EXIT.ok;
  },
});

export const taskWait = defineCommand({
  group: "task",
  name: "task wait",
  summary: "Wait until a task has ended, and exit by how: 0 completed, 5 timed out, 6 otherwise",
  flags: {
    timeout: flag.integer("for how long; 0 only checks and exits 8 while it is pending; default: until it ends", {
      min: 0,
      max: 2_592_000,
      example: 60,
      placeholder: "seconds",
    }),
  },
  params: { task: whichTask },
  examples: ["maestro task wait tsk_01j9", "maestro task wait t123 --timeout 0"],
  async run(context, { params, flags }) {
    const { out, io } = context;
    const client = context.api();
    using interruption = new Interruption();
    const patience = patienceOf(context, interruption);
    using progress = progressFor(context, client, patience);
    const untilMs = flags.timeout === undefined ? undefined : io.nowMs() + flags.timeout * 1000;
    const task = await awaitTask(client, params.task, patience, progress, untilMs, io.nowMs);
    progress[Symbol.dispose]();
    if (task === undefined && interruption.happened) throw wentAway(io, params.task);
    if (task === undefined) {
      throw flags.timeout === 0
        ? fail("task_pending", `Task ${params.task} has not ended.`, { hint: `Wait for it: maestro task wait ${params.task}` })
        : fail("timeout", `Task ${params.task} did not end within ${flags.timeout} s; it goes on.`, {
            hint: `See: maestro task status ${params.task}`,
          });
    }
    out.one(task, () => taskText(out, task, io.nowMs()), task.id);
    const failure = taskFailure(task);
    if (failure !== undefined) io.stderr.write(`${renderProblem(asProblem(failure), out.mode === "json")}\n`);
    return outcomeCode(task.status);
  },
});

export const taskCancel = defineCommand({
  group: "task",
  name: "task cancel",
  summary: "Cancel a task, queued or running",
  flags: { reason: flag.text("why, for the audit log", "text") },
  params: { task: whichTask },
  examples: ["maestro task cancel tsk_01j9", 'maestro task cancel t123 --reason "not needed any more"'],
  async run({ api, out }, { params, flags }) {
    const task = await api().call("taskCancel", {
      params: { id: params.task },
      body: flags.reason === undefined ? {} : { reason: flags.reason },
    });
    const done = task.status === "cancelled" ? "is cancelled" : `is ${task.status}; wait for it: maestro task wait ${task.id}`;
    out.one(task, () => `Task ${task.id} ${done}${task.status === "cancelled" ? "." : ""}`, task.id);
    return EXIT.ok;
  },
});

export const taskRetry = defineCommand({
  group: "task",
  name: "task retry",
  summary: "Run again what did not succeed of an ended task",
  flags: {},
  params: { task: whichTask },
  examples: ["maestro task retry tsk_01j9", "maestro task retry t123 --json"],
  async run({ api, out }, { params }) {
    const task = await api().call("taskRetry", { params: { id: params.task } });
    out.one(task, () => `Task ${task.id} is ${task.status} again. Follow it: maestro logs ${task.id} --follow`, task.id);
    return EXIT.ok;
  },
});
