/** The words for what becomes of tasks, so that list, page and queue say the same. Pure. */
import { TASK_REASONS, type TaskReasonCode, type WaitingCode } from "@maestro/shared/contract/task-reasons";
import { FINAL_STATES, type Task, type TaskState, type Waiting } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";

/** Colour of a tag; `""` is neutral. */
export type Shade = "" | "ok" | "warn" | "danger" | "accent";

interface StateWord {
  label: string;
  shade: Shade;
}

const STATES: Record<TaskState, StateWord> = {
  blocked: { label: "blocked", shade: "" },
  queued: { label: "queued", shade: "" },
  offered: { label: "starting", shade: "accent" },
  running: { label: "running", shade: "accent" },
  cancelling: { label: "cancelling", shade: "warn" },
  unknown: { label: "unreachable", shade: "warn" },
  completed: { label: "completed", shade: "ok" },
  failed: { label: "failed", shade: "danger" },
  cancelled: { label: "cancelled", shade: "" },
  timed_out: { label: "timed out", shade: "danger" },
  lost: { label: "lost", shade: "danger" },
};
export const stateWord = (state: TaskState): StateWord => STATES[state];

const WAITING: Record<WaitingCode, string> = {
  dependency_open: "Waits for another task",
  host_offline: "Its host is offline",
  host_draining: "Its host takes no new work",
  host_busy: "No free slot on its host",
  agent_busy: "Its agent is busy",
  agent_unhealthy: "Its agent is not healthy",
  group_busy: "Its group is full",
  no_capable_host: "No host can run it",
  backoff: "Waits before the next try",
  offered: "Offered to its host",
  host_unreachable: "Its host cannot be reached",
  turn: "Waits for its turn",
};
export const waitingWord = (code: WaitingCode): string => WAITING[code];
/** One line of why it waits: the word for it, and what the server says beyond that word. */
export function waitingLine({ code, detail }: Waiting): { word: string; rest: string } {
  const safe = stripUnsafe(detail, 512);
  const saysItAll = code === "dependency_open" || code === "offered" || code === "turn";
  return saysItAll && safe !== "" ? { word: safe.replace(/\.$/, ""), rest: "" } : { word: waitingWord(code), rest: safe };
}

/** What will not pass by itself, as far as it is known here. */
export const isStuck = (code: WaitingCode): boolean =>
  code === "host_offline" ||
  code === "host_draining" ||
  code === "agent_unhealthy" ||
  code === "no_capable_host" ||
  code === "host_unreachable";

export const reasonWord = (code: TaskReasonCode): string => TASK_REASONS[code].title;

/** What a task is called where there is one line for it. */
export function taskTitle(task: Pick<Task, "id" | "description" | "prompt" | "command">): string {
  const own = task.description ?? task.prompt?.trimStart().split("\n", 1)[0] ?? task.command?.join(" ");
  const safe = stripUnsafe(own ?? "", 200).trim();
  return safe === "" ? task.id : safe;
}

/** Where it went: the agents by name, else the hosts; at most two, then how many more. */
export function targetWords(targets: Task["targets"]): string {
  const names = targets.map(({ agent, host }) => agent?.name ?? host?.name ?? "any host");
  return names.length <= 2 ? names.join(", ") : `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}

/** The hosts of the targets that go by another name, each once. */
export const hostWords = (targets: Task["targets"]): string =>
  [...new Set(targets.flatMap(({ agent, host }) => (agent === undefined ? [] : (host?.name ?? []))))].join(", ");

/** An id short enough for a heading, as the CLI takes it too: a unique prefix or the whole of what somebody chose. */
export const shortId = (id: string): string => (/^[a-z]{3}_[0-9a-z]{26}$/.test(id) ? `${id.slice(0, 4)}…${id.slice(-6)}` : id);

export const mayCancel = (state: TaskState): boolean => state !== "cancelling" && !isEnd(state);
/** What did not succeed of it can be run again. */
export const mayRetry = (task: Pick<Task, "status">): boolean => isEnd(task.status) && task.status !== "completed";
const isEnd = (state: TaskState): boolean => FINAL_STATES.some((final) => final === state);
