/** `maestro task dispatch` */
import * as path from "node:path";
import type { Task } from "@maestro/shared/contract/tasks";
import { EXIT, fail } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import type { Patience } from "../api/patience.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { Interruption } from "../interruption.ts";
import { readableText } from "../logs/log-filter.ts";
import { readLog } from "../logs/read.ts";
import { withoutEvents } from "../logs/talk-filter.ts";
import { asProblem, renderProblem } from "../render/failure.ts";
import { duration } from "../render/time.ts";
import { resolveHost } from "../resolve.ts";
import { thisHost } from "../this-host.ts";
import { repositoryFor } from "./local-checkout.ts";
import { awaitTask, patienceOf, progressFor, wentAway } from "./task-await.ts";
import { bodyFlags, taskBody, workOf, type BodyFlags } from "./task-body.ts";
import { imagesIn } from "./task-images.ts";
import { passedThrough, taskFailure } from "./task-outcome.ts";
import { submitTask } from "./task-submit.ts";
import { targetName, usageText, whyText } from "./task-view.ts";

export const taskDispatch = defineCommand({
  group: "task",
  name: "task dispatch",
  summary: "Give agents a prompt, or a host a command; prints the task's id, or with --sync waits for its end",
  flags: {
    sync: flag.toggle("wait for the end, and exit with the first non-zero code of its targets"),
    async: flag.toggle("print the id and return; the default"),
    ...bodyFlags,
  },
  params: { prompt: param.optional("what to do, in one word for the shell: quoted") },
  conflicts: [
    ["sync", "async"],
    ["new-workspace", "to-workspace", "worktree"],
    ["repo", "worktree"],
    ["image", "exec"],
  ],
  passthrough: true,
  examples: [
    'maestro task dispatch "Fix the build" --to reviewer --repo git@github.com:me/app.git --env GH_TOKEN --sync',
    "maestro task dispatch --host gpu-1 --timeout 3600 --repo . --exec -- make test",
  ],
  async run(context, { params, flags, passthrough }) {
    const { api, out, io } = context;
    const work = await workOf({ flags, word: params.prompt, argv: passthrough }, io);
    if (flags.branch !== undefined && flags.worktree === undefined && flags.repo === undefined)
      throw fail("usage", "--branch is the branch of a worktree, or of a clone.", {
        field: "branch",
        hint: "Give --worktree <repo> or --repo <url> as well.",
      });
    const images = imagesIn(flags.image, io.cwd);
    const client = api();
    const workspace = await onHost(context, client, flags, "to-workspace");
    const worktree = await onHost(context, client, flags, "worktree");
    const repository = await repositoryFor(context, flags.repo, flags.branch, (here) => runsHere(client, flags, here));
    const body = taskBody({ flags, ...work, images, env: io.env, workspace, worktree, repository });
    const task = await submitTask(context, client, body);
    if (!flags.sync) {
      out.one(task, () => task.id, task.id);
      if (io.stdout.isTTY) out.note(`${task.status}. Follow it: maestro logs ${task.id} --follow`);
      return EXIT.ok;
    }
    return untilItEnds(context, client, task);
  },
});

/** A relative directory is of this machine: then the task must run here. */
async function onHost(
  context: Context,
  client: ApiClient,
  flags: BodyFlags,
  name: "to-workspace" | "worktree",
): Promise<string | undefined> {
  const given = flags[name];
  if (given === undefined || given.startsWith("/") || given.startsWith("~/")) return given;
  const here = thisHost(context.paths);
  if (here !== undefined && (await runsHere(client, flags, here.hostId))) return path.resolve(context.io.cwd, given);
  throw fail("usage", `'${given}' is relative, which means this machine, but the task may run on another one.`, {
    field: name,
    hint: "Give the absolute path on its host.",
  });
}

async function runsHere(client: ApiClient, flags: BodyFlags, here: string): Promise<boolean> {
  if (flags.host !== undefined) return (await resolveHost(client, flags.host)).id === here;
  if (flags.to.length === 0 && flags.exec) return false;
  const wanted = flags.to.flatMap((text) => text.split(","));
  const agents = await client.all("agents");
  const meant =
    wanted.length === 0
      ? agents
      : agents.filter(({ id, name, type }) => wanted.includes(name) || wanted.includes(type) || wanted.some((word) => id.startsWith(word)));
  return meant.length > 0 && meant.every(({ host }) => host.id === here);
}

async function untilItEnds(context: Context, client: ApiClient, task: Task): Promise<number> {
  const { out, io } = context;
  using interruption = new Interruption();
  const patience = { ...patienceOf(context, interruption), met: true };
  using progress = progressFor(context, client, patience);
  progress.show(task);
  const ended = await awaitTask(client, task.id, patience, progress);
  progress[Symbol.dispose]();
  if (ended === undefined) throw wentAway(io, task.id);
  const exit = passedThrough(ended);
  if (out.mode === "table") await tellResults(context, client, ended, patience);
  else out.one({ ...ended, exit }, () => "", ended.id);
  const failure = taskFailure(ended);
  if (failure !== undefined) io.stderr.write(`${renderProblem(asProblem(failure), out.mode === "json")}\n`);
  return exit;
}

/** Results are data; how they came about is for the person. */
async function tellResults({ out, io }: Context, client: ApiClient, task: Task, patience: Patience): Promise<void> {
  for (const target of task.targets) {
    if (task.targets.length > 1) {
      const why = whyText(target);
      out.one(target, () => `== ${targetName(target)}: ${target.status}${why === "" ? "" : `, ${why}`}`);
    }
    const text =
      target.result ?? (task.targets.length === 1 ? task.result : undefined) ?? (await lastOutput(client, target.attempt, patience));
    if (text !== "") out.raw(endedLine(io.stdout.isTTY ? readableText(text) : text));
  }
  const took =
    task.startedAt === undefined || task.finishedAt === undefined ? undefined : Date.parse(task.finishedAt) - Date.parse(task.startedAt);
  const parts = [task.status + (took === undefined ? "" : ` in ${duration(took)}`), usageText(task.usage)].filter(
    (part) => part !== undefined,
  );
  out.note(`Task ${task.id} ${parts.join("; ")}`);
}

const LAST_LINES = 20;

/** Of what has no result, the end of its log says most. */
async function lastOutput(client: ApiClient, attempt: string | undefined, patience: Patience): Promise<string> {
  if (attempt === undefined) return "";
  const parts: Buffer[] = [];
  try {
    for await (const { bytes } of readLog(client, { kind: "attempt", id: attempt }, { tailLines: LAST_LINES }, false, patience))
      parts.push(bytes);
  } catch {
    // It never wrote one, or it may not be read.
    return "";
  }
  return readableText(withoutEvents(Buffer.concat(parts)).toString("utf8"));
}

const endedLine = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);
