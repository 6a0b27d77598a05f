/** `maestro logs` */
import { statSync } from "node:fs";
import * as path from "node:path";
import { isFinal, type TaskDetail, type TaskTarget } from "@maestro/shared/contract/tasks";
import { EXIT, fail } from "@maestro/shared/errors";
import type { ApiClient } from "../api/client.ts";
import { patiently, rest, type Patience } from "../api/patience.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { Interruption } from "../interruption.ts";
import type { Io } from "../io.ts";
import { openWhole, readLog, type LogPlace, type LogStart } from "../logs/read.ts";
import { FileSink, rawSink, readableSink, recordSink, type LogSink } from "../logs/sinks.ts";
import { ServerRefusal } from "../render/failure.ts";
import { patienceOf } from "./task-await.ts";
import { targetName } from "./task-view.ts";

const VARIABLE = "REMOTE_DISPATCH_LOG_DIR";

export const logs = defineCommand({
  group: "task",
  name: "logs",
  summary: "Print a task's log as a person reads it; --follow goes on until it ends",
  flags: {
    agent: flag.text("of this one of several agents; default: the first", "agent"),
    follow: flag.toggle("go on until it ends, over lost connections and further attempts", "f"),
    tail: flag.integer("only the last lines", { min: 0, max: 100_000, example: 100, placeholder: "lines" }),
    offset: flag.integer("from this byte on", { min: 0, max: Number.MAX_SAFE_INTEGER, example: 4096, placeholder: "bytes" }),
    raw: flag.toggle("the very bytes: what an agent's CLI wrote for programs too, whatever it does to a terminal"),
    output: flag.optional(`into a file, and print its path; default: in ${VARIABLE}, else here`, "file"),
  },
  params: { id: param.required("a task's id or a unique beginning of it, or the id of an attempt (att_…)") },
  conflicts: [
    ["tail", "offset"],
    ["follow", "output"],
  ],
  examples: ["maestro logs tsk_01j9 --follow", "maestro logs t123 --raw --output t123.log"],
  async run(context, { params, flags }) {
    const client = context.api();
    using interruption = new Interruption();
    const patience = patienceOf(context, interruption);
    const from: LogStart = { offset: flags.offset, tailLines: flags.tail };
    const place: LogPlace = params.id.startsWith("att_")
      ? { kind: "attempt", id: params.id }
      : { kind: "task", id: params.id, agent: flags.agent };
    if (flags.output !== undefined) return save(context, client, place, from, { file: flags.output, raw: flags.raw }, patience);
    const sink = flags.raw ? rawSink(context.io) : context.out.mode === "json" ? recordSink(context.io) : readableSink(context.io);
    if (place.kind === "task" && flags.follow) await followTask(context, client, place, from, sink, patience);
    else if (flags.follow) for await (const chunk of readLog(client, place, from, true, patience)) await sink.write(chunk);
    else {
      if (place.kind === "task" && flags.agent === undefined) await tellOthers(context, client, place.id);
      const { log, late } = await openWhole(client, place, from, patience, () => hasEnded(client, place));
      for await (const chunk of readLog(client, place, from, false, patience, undefined, log)) await sink.write(chunk);
      if (late) context.out.note(LATE);
    }
    await sink.end();
    return interruption.happened ? EXIT.interrupted : EXIT.ok;
  },
});

const LATE = "It has ended, but not all of its log has come from its host yet: this is what is here so far.";

/** With a log, of which more may be on its way. An attempt alone is not asked for: nobody tells of it what it left. */
async function hasEnded(client: ApiClient, place: LogPlace): Promise<boolean> {
  if (place.kind === "attempt") return false;
  const detail = await client.call("task", { params: { id: place.id } });
  const { status, attempt } = chooseTarget(detail, place.agent);
  return isFinal(status) && detail.attempts.some(({ id, log }) => id === attempt && log !== undefined);
}

type TaskPlace = Extract<LogPlace, { kind: "task" }>;

/** A task has a log per attempt: the next one is followed where it is tried again. */
async function followTask(
  { out }: Context,
  client: ApiClient,
  { id, agent }: TaskPlace,
  from: LogStart,
  sink: LogSink,
  patience: Patience,
): Promise<void> {
  const look = () => client.call("task", { params: { id }, signal: patience.signal });
  let last: string | undefined;
  let told = false;
  while (!patience.signal.aborted) {
    const detail = await quietly(patience, look);
    if (detail === undefined) return;
    const target = chooseTarget(detail, agent);
    const { attempt } = target;
    const over = isFinal(target.status);
    if (attempt !== undefined && attempt !== last) {
      if (last !== undefined) out.note(`It is tried again: attempt ${target.attempts}.`);
      // An ended one may still be on its way, but only if it has a log at all.
      const follow = !over || detail.attempts.some((one) => one.id === attempt && one.log !== undefined);
      const grows = async (): Promise<boolean> => !isFinal(chooseTarget(await look(), agent).status);
      const chunks = readLog(client, { kind: "attempt", id: attempt }, last === undefined ? from : {}, follow, patience, grows);
      if (await passOn(chunks, sink, over)) {
        last = attempt;
        continue;
      }
    }
    if (over) {
      // It never ran: the server says how it ended.
      if (attempt === undefined) await passOn(readLog(client, { kind: "task", id, agent }, {}, false, patience), sink, over);
      return;
    }
    if (attempt === undefined && !told) {
      out.note(`${targetName(target)}: ${target.status}${target.waiting === undefined ? "" : `, waits: ${target.waiting.detail}`}`);
      told = true;
    }
    const askedMs = Date.now();
    await quietly(patience, () => client.call("taskWait", { params: { id }, query: { timeout: WAIT_S }, signal: patience.signal }));
    // Another target may have ended the wait, or nothing at all.
    if (Date.now() - askedMs < WAIT_S * 500) await rest(patience, 2);
  }
}

const WAIT_S = 2;

/** False: there is no log yet. */
async function passOn(chunks: ReturnType<typeof readLog>, sink: LogSink, over: boolean): Promise<boolean> {
  try {
    for await (const chunk of chunks) await sink.write(chunk);
    return true;
  } catch (error) {
    if (!over && error instanceof ServerRefusal && (error.problem.code === "log_not_found" || error.problem.code === "attempt_not_found"))
      return false;
    throw error;
  }
}

/** Undefined: interrupted. */
async function quietly<T>(patience: Patience, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await patiently(patience, ask);
  } catch (error) {
    if (patience.signal.aborted) return undefined;
    throw error;
  }
}

export function chooseTarget({ id, targets }: Pick<TaskDetail, "id" | "targets">, typed: string | undefined): TaskTarget {
  const found =
    typed === undefined
      ? targets[0]
      : (targets.find(({ agent }) => agent?.id === typed || agent?.name === typed) ??
        targets.find(({ agent, host }) => agent?.type === typed || agent?.id.startsWith(typed) === true || host?.name === typed));
  if (found !== undefined) return found;
  throw fail("agent_not_found", `Task ${id} was not sent to '${(typed ?? "").slice(0, 64)}'.`, {
    field: "agent",
    hint: `It was sent to ${targets.map(targetName).join(", ")}.`,
  });
}

/** For a person: whose log this is, where there are several. */
async function tellOthers({ out, io }: Context, client: ApiClient, id: string): Promise<void> {
  if (out.mode !== "table" || !io.stderr.isTTY) return;
  const { targets } = await client.call("task", { params: { id } });
  const [first, ...others] = targets.map(targetName);
  if (others.length > 0) out.note(`The log of ${first ?? ""}; with --agent also of ${others.join(", ")}.`);
}

async function save(
  { out, io }: Context,
  client: ApiClient,
  place: LogPlace,
  from: LogStart,
  { file, raw }: { file: string; raw: boolean },
  patience: Patience,
): Promise<number> {
  const target = outputFile(file, place.id, io);
  await using sink = await FileSink.create(target, raw);
  const { log, late } = await openWhole(client, place, from, patience, () => hasEnded(client, place));
  for await (const chunk of readLog(client, place, from, false, patience, undefined, log)) await sink.write(chunk);
  if (patience.signal.aborted) return EXIT.interrupted;
  const { bytes, sha256 } = sink.came;
  // What is compared is what the host wrote: all of it, and nothing left out in between.
  const whole = log.complete && log.start === 0 && bytes === log.bytes;
  if (whole && log.sha256 !== undefined && log.sha256 !== sha256) {
    throw fail("server_error", `The log that came is not the one that was written: its SHA-256 is ${sha256}, not ${log.sha256}.`, {
      hint: "Try again.",
    });
  }
  await sink.end();
  out.one({ path: target, bytes, sha256, complete: log.complete }, () => target, target);
  if (!log.complete) out.note(late ? LATE : "The log has not ended: this is what was there so far.");
  return EXIT.ok;
}

/** Without a name, or in a directory: `<id>-<time>.log`. */
export function outputFile(given: string, id: string, { env, cwd, nowMs }: Pick<Io, "env" | "cwd" | "nowMs">): string {
  const own = `${id}-${new Date(nowMs()).toISOString().replace(/[-:]|\.\d+/g, "")}.log`;
  if (given === "") return path.resolve(cwd, env[VARIABLE] ?? "", own);
  const target = path.resolve(cwd, given);
  return given.endsWith("/") || isDirectory(target) ? path.join(target, own) : target;
}

const isDirectory = (place: string): boolean => statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
