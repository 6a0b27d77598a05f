/**
 * What followers are told of a task: that it is there, that it runs, how it ended. Each of these is a numbered change; up to
 * which number the fleet was told is one row, so telling costs a task nothing.
 */
import type { NewEvent } from "../events/event.ts";
import type { Changes, HostState, Target, TaskCore } from "./model.ts";
import { overall } from "./status.ts";

export interface Told {
  change: number;
  event: NewEvent;
}

/** In order; those up to `told` are known. */
export function untold(task: TaskCore, told: number): Told[] {
  const { created, started, finished, again } = task.changes;
  const made: [number | undefined, () => NewEvent][] = [
    [created, () => eventOf(task, "task.created", `Task ${named(task)} was submitted by ${task.createdBy}.`)],
    [again, () => eventOf(task, "task.waiting", `Task ${named(task)} is to run again.`)],
    [started, () => eventOf(task, "task.started", `Task ${named(task)} runs.`)],
    [finished, () => eventOf(task, "task.finished", finishedSummary(task))],
  ];
  return made
    .flatMap(([change, event]) => (change === undefined || change <= told ? [] : [{ change, event: event() }]))
    .sort((a, b) => a.change - b.change);
}

export const lastChange = ({ created, started = 0, finished = 0, again = 0 }: Changes): number =>
  Math.max(created, started, finished, again);

function eventOf(task: TaskCore, type: NewEvent["type"], summary: string): NewEvent {
  const hosts = distinct(task.targets.map((target) => hostOf(target)?.name));
  const agents = distinct(task.targets.map(({ agent }) => agent?.name));
  const status = task.finishedMs === undefined ? {} : { status: overall(task.targets) };
  return { type, subject: task.id, summary, data: { hosts, agents, ...status } };
}

function finishedSummary(task: TaskCore): string {
  const reason = task.targets.map(({ phase }) => (phase.at === "ended" ? phase.reason : undefined)).find((found) => found !== undefined);
  return `Task ${named(task)} is ${overall(task.targets).replace("_", " ")}${reason === undefined ? "" : `: ${reason.code}`}.`;
}

const named = ({ id, title }: TaskCore): string => (title === "" ? id : `${id} (${title})`);
const distinct = (names: (string | undefined)[]): string[] => [...new Set(names.filter((name) => name !== undefined))];

/** Where it runs, ran last, or must run. */
export function hostOf({ host, phase, past, selector }: Target): { id?: string; name: string } | undefined {
  if (host !== undefined) return host;
  if (phase.at === "offered" || phase.at === "started") return phase.attempt.host;
  return past.at(-1)?.host ?? (selector?.host === undefined ? undefined : { name: selector.host });
}

/** The same with its id. Undefined as well for one that was named and never linked. */
export function knownHostOf(target: Target, hosts: ReadonlyMap<string, HostState>): { id: string; name: string } | undefined {
  const host = hostOf(target);
  if (host === undefined) return undefined;
  if (host.id !== undefined) return { id: host.id, name: host.name };
  const known = [...hosts.values()].find(({ id, name }) => name === host.name || id === host.name);
  return known === undefined ? undefined : { id: known.id, name: known.name };
}
