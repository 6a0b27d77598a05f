/** How tasks are shown. */
import { isFinal, type Attempt, type Load, type Task, type TaskTarget, type Usage } from "@maestro/shared/contract/tasks";
import type { Output } from "../render/output.ts";
import { renderFields, renderTable, type Column } from "../render/table.ts";
import { duration } from "../render/time.ts";

type Why = Pick<TaskTarget, "status" | "waiting" | "reason">;

export const taskColumns = (out: Output): Column<Task>[] => [
  { header: "id", value: ({ id }) => id },
  { header: "status", value: ({ status }) => status },
  { header: "to", value: targetsText, max: 24 },
  { header: "task", value: titleOf, max: 40 },
  { header: "priority", value: ({ priority }) => String(priority), detail: true },
  { header: "exit", value: ({ exitCode }) => (exitCode === undefined ? "" : String(exitCode)), detail: true },
  { header: "created", value: ({ createdAt }) => out.time(createdAt) },
  { header: "note", value: shortWhy, max: 48 },
];

/** What it is called where there is room for a few words. */
export function titleOf({ description, prompt, command }: Pick<Task, "description" | "prompt" | "command">): string {
  const text = description ?? prompt ?? command?.join(" ") ?? "";
  return text.trim().split("\n")[0] ?? "";
}

export const targetName = ({ agent, host }: Pick<TaskTarget, "agent" | "host">): string => agent?.name ?? host?.name ?? "any host";

export function targetsText({ targets }: Pick<Task, "targets">): string {
  const names = targets.map(targetName);
  return names.length <= 2 ? names.join(", ") : `${names.slice(0, 2).join(", ")} +${names.length - 2}`;
}

/** [SKILL38] Why it does not run, or how it went wrong; empty where there is nothing to say. */
export function whyText({ status, waiting, reason }: Why): string {
  if (waiting !== undefined && !isFinal(status)) return waiting.detail === "" ? waiting.code : waiting.detail;
  return reason === undefined ? "" : reason.detail === "" ? reason.code : reason.detail;
}

const shortWhy = (task: Task): string => whyText(task) || (task.targets.map(whyText).find((text) => text !== "") ?? "");

/** @param task with its attempts, where they are known. @param stored so much of the last one's log has come from its host. */
export function taskText(out: Output, task: Task & { attempts?: Attempt[] }, nowMs: number, stored?: number): string[] {
  const [only] = task.targets.length === 1 ? task.targets : [];
  const last = only === undefined ? undefined : task.attempts?.at(-1);
  const load = last?.load;
  const fields = renderFields([
    ["id", task.id],
    ["status", task.status],
    ["task", titleOf(task)],
    ["images", task.images?.map(({ name, bytes }) => `${name} (${count(bytes)} bytes)`).join(", ")],
    ["to", targetsText(task)],
    ...whyFields(only === undefined ? task : mergedWhy(task, only)),
    ["exit code", task.exitCode === undefined ? undefined : String(task.exitCode)],
    ["result", firstLine(task.result)],
    ["usage", usageText(task.usage)],
    ["took up", machineText(task.usage)],
    ["takes up", load === undefined ? undefined : `${loadText(load)}, ${out.time(load.at)}`],
    ["repository", task.repository && repositoryText(task.repository)],
    ["container", task.container],
    ["ssh-agent", task.forwardAgent === true ? "forwarded" : undefined],
    ["priority", String(task.priority)],
    [
      "depends on",
      task.dependsOn.map(({ task: id, on, status }) => `${id} (${on}${status === undefined ? "" : `: ${status}`})`).join(", "),
    ],
    ["cancelled by", task.cancel && [task.cancel.by, task.cancel.reason].filter((text) => text !== "").join(": ")],
    ["created", `${out.time(task.createdAt)} by ${task.createdBy}`],
    ["started", task.startedAt === undefined ? undefined : out.time(task.startedAt)],
    ["took", tookText(task, nowMs)],
    ["attempts", only === undefined ? undefined : String(only.attempts)],
    ["log", last === undefined ? undefined : logText(last, stored)],
  ]);
  return task.targets.length < 2 ? fields : [...fields, "", ...renderTable(task.targets, targetColumns, out)];
}

/** Each execution: where something was tried again they tell how it went. */
export const attemptsText = (out: Output, attempts: readonly Attempt[]): string[] =>
  attempts.length < 2 && !out.verbose ? [] : ["", ...renderTable(attempts, attemptColumns(out, attempts), out)];

const loadColumn: Column<Attempt> = { header: "takes up", value: ({ load }) => (load === undefined ? "" : loadText(load)) };

const attemptColumns = (out: Output, attempts: readonly Attempt[]): Column<Attempt>[] => [
  { header: "attempt", value: ({ id }) => id },
  { header: "to", value: ({ agent, host }) => agent?.name ?? host.name },
  { header: "host", value: ({ host }) => host.name, detail: true },
  { header: "status", value: ({ status }) => status },
  { header: "exit", value: ({ exitCode, signal }) => signal ?? (exitCode === undefined ? "" : String(exitCode)) },
  { header: "started", value: ({ startedAt }) => (startedAt === undefined ? "" : out.time(startedAt)) },
  ...(attempts.some(({ load }) => load !== undefined) ? [loadColumn] : []),
  { header: "log", value: (attempt) => logText(attempt), detail: true },
  { header: "workspace", value: ({ workspace }) => workspace ?? "", detail: true },
  { header: "note", value: ({ reason }) => (reason === undefined ? "" : reason.detail || reason.code), max: 48 },
];

/** [LG4] With the secrets that may stand in it. */
function logText({ log }: Attempt, stored: number = log?.bytes ?? 0): string {
  if (log === undefined) return "";
  const part = stored < log.bytes ? ` on its host, ${count(stored)} of them have come so far` : "";
  return `${count(log.bytes)} bytes${part}${log.unredacted === undefined ? "" : `, may show ${log.unredacted.join(", ")}`}`;
}

const targetColumns: Column<TaskTarget>[] = [
  { header: "to", value: targetName },
  { header: "host", value: ({ host }) => host?.name ?? "" },
  { header: "status", value: ({ status }) => status },
  { header: "exit", value: ({ exitCode }) => (exitCode === undefined ? "" : String(exitCode)) },
  { header: "attempts", value: ({ attempts }) => String(attempts) },
  { header: "note", value: whyText, max: 60 },
];

const repositoryText = ({ url, branch }: NonNullable<Task["repository"]>): string =>
  branch === undefined ? url : `${url}, branch ${branch}`;

const mergedWhy = (task: Task, only: TaskTarget): Why => ({
  status: task.status,
  waiting: task.waiting ?? only.waiting,
  reason: task.reason ?? only.reason,
});

function whyFields({ status, waiting, reason }: Why): [string, string | undefined][] {
  if (waiting !== undefined && !isFinal(status)) return [["waits", `${waiting.detail} (${waiting.code})`]];
  if (reason === undefined) return [];
  return [
    ["reason", `${reason.detail} (${reason.code})`],
    ["hint", reason.hint],
    ["again at", reason.retryAt],
  ];
}

function tookText({ startedAt, finishedAt, status }: Task, nowMs: number): string | undefined {
  if (startedAt === undefined) return undefined;
  if (finishedAt === undefined && isFinal(status)) return undefined;
  return duration((finishedAt === undefined ? nowMs : Date.parse(finishedAt)) - Date.parse(startedAt));
}

function firstLine(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [first = "", ...more] = text.trim().split("\n");
  return more.length === 0 ? first : `${first} … (${more.length} more ${more.length === 1 ? "line" : "lines"})`;
}

/** Tokens and money, where they are known. */
export function usageText(usage: Usage | undefined): string | undefined {
  if (usage === undefined) return undefined;
  const { inputTokens, outputTokens, costUsd, turns } = usage;
  const parts = [
    inputTokens === undefined ? undefined : `${count(inputTokens)} tokens in`,
    outputTokens === undefined ? undefined : `${count(outputTokens)} out`,
    turns === undefined ? undefined : `${count(turns)} ${turns === 1 ? "turn" : "turns"}`,
    costUsd === undefined ? undefined : `$${costUsd.toFixed(4)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** Of the machine. */
function machineText({ cpuMs, peakMemoryBytes }: Usage = {}): string | undefined {
  const parts = [
    cpuMs === undefined ? undefined : `${duration(cpuMs)} of CPU`,
    peakMemoryBytes === undefined ? undefined : `${(peakMemoryBytes / MiB).toFixed(1)} MiB at most`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(", ");
}

const loadText = ({ cpu, memoryBytes }: Load): string => `${cpu.toFixed(2)} CPUs, ${(memoryBytes / MiB).toFixed(1)} MiB`;

const MiB = 1024 * 1024;
const count = (n: number): string => n.toLocaleString("en-US");
