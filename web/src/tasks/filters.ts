/** What the list of tasks is narrowed to, as it stands in the address and as the API takes it. Pure. */
import type { TaskState } from "@maestro/shared/contract/tasks";

/** What people look for, each a set of states. */
export const STATUS_GROUPS = {
  all: [],
  waiting: ["blocked", "queued"],
  running: ["offered", "running", "cancelling", "unknown"],
  completed: ["completed"],
  failed: ["failed", "timed_out", "lost"],
  cancelled: ["cancelled"],
} as const satisfies Record<string, readonly TaskState[]>;
export type StatusGroup = keyof typeof STATUS_GROUPS;
export const STATUS_GROUP_NAMES = [
  "all",
  "waiting",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly StatusGroup[];

export interface TaskFilter {
  status: StatusGroup;
  /** Names; empty: any. */
  agent: string;
  host: string;
  /** Words of the prompt, command, description or id. */
  q: string;
}

export const noFilter: TaskFilter = { status: "all", agent: "", host: "", q: "" };

/** What `GET /tasks` bounds each of them to. */
const MAX_NAME_CHARS = 63;
const MAX_WORDS_CHARS = 128;

/** What it does not know is as if it were not there: an old or mistyped address still shows tasks. */
export function filterOf(search: string): TaskFilter {
  const query = new URLSearchParams(search);
  const status = STATUS_GROUP_NAMES.find((name) => name === query.get("status")) ?? "all";
  return {
    status,
    agent: (query.get("agent") ?? "").slice(0, MAX_NAME_CHARS),
    host: (query.get("host") ?? "").slice(0, MAX_NAME_CHARS),
    q: (query.get("q") ?? "").slice(0, MAX_WORDS_CHARS),
  };
}

/** Nothing for the unfiltered list, so that its address stays `/tasks`. */
export function searchOf({ status, agent, host, q }: TaskFilter): string {
  const query = new URLSearchParams();
  if (status !== "all") query.set("status", status);
  if (agent !== "") query.set("agent", agent);
  if (host !== "") query.set("host", host);
  if (q.trim() !== "") query.set("q", q.trim());
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

export function apiQuery({ status, agent, host, q }: TaskFilter): Record<string, string> {
  const states = STATUS_GROUPS[status];
  return {
    ...(states.length === 0 ? {} : { status: states.join(",") }),
    ...(agent === "" ? {} : { agent }),
    ...(host === "" ? {} : { host }),
    ...(q.trim() === "" ? {} : { q: q.trim() }),
  };
}

export const isFiltered = (filter: TaskFilter): boolean => searchOf(filter) !== "";
