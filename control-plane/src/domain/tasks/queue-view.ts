/** [SKILL22] The queue across agents: what runs where, what waits, in which order and why. */
import { globMatches } from "@maestro/shared/contract/access";
import type { Queue, TaskState } from "@maestro/shared/contract/tasks";
import type { QueueQuery } from "./calls.ts";
import type { Target, TaskCore } from "./model.ts";
import { DONE_STATES, targetStatus, taskStatus, WAITING_STATES } from "./status.ts";
import { knownHostOf } from "./telling.ts";
import { waitingOf, type Scene } from "./waiting.ts";

type Item = Queue["items"][number];

interface Entry {
  core: TaskCore;
  target: Target;
  index: number;
  status: TaskState;
  /** By which the whole list is in order, and a page goes on. */
  rank: string;
}

/**
 * @param tasks within reach: all that are open, and of those that ended as many as a page needs, newest first.
 * @param ended how many ended how.
 */
export function queueView(
  tasks: Iterable<TaskCore>,
  ended: ReadonlyMap<TaskState, number>,
  { limit, before, agent, task, show, reach }: QueueQuery,
  scene: Scene,
): Queue {
  const counts = noCounts();
  for (const [status, count] of ended) counts[status] += count;
  const groups = new Map<string, number>();
  const entries: Entry[] = [];
  for (const core of tasks) {
    if (core.finishedMs === undefined) counts[taskStatus(core, scene)] += 1;
    if (core.group !== undefined && core.finishedMs === undefined)
      groups.set(core.group.name, Math.min(core.group.limit, groups.get(core.group.name) ?? Infinity));
    if (task === undefined || core.id === task) entries.push(...entriesOf(core, scene).filter((entry) => shown(entry, agent, show)));
  }
  const wanted = entries.filter(({ rank }) => before === undefined || rank > before).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const page = wanted.slice(0, limit);
  const last = page.at(-1);
  return {
    counts,
    hosts: [...scene.hosts.values()]
      .filter(({ name }) => reach.hosts === undefined || globMatches(reach.hosts, name))
      .map(({ id, name, up, draining, maxConcurrent }) => ({
        id,
        name,
        online: up,
        draining,
        running: scene.lineup.load(id),
        limit: maxConcurrent,
      })),
    groups: [...groups].map(([name, most]) => ({ name, running: scene.lineup.inGroup(name), limit: most })),
    items: page.map((entry) => itemOf(entry, scene)),
    ...(last === undefined || wanted.length === page.length ? {} : { nextCursor: last.rank }),
  };
}

const entriesOf = (core: TaskCore, scene: Scene): Entry[] =>
  core.targets.map((target, index) => {
    const status = targetStatus(core, target, scene);
    return { core, target, index, status, rank: rankOf(core, index, status) };
  });

/** What goes on, what waits in the order of its turns, what has ended with the newest first. */
function rankOf({ priority, createdMs, finishedMs = 0, key }: TaskCore, index: number, status: TaskState): string {
  const group = DONE_STATES.has(status) ? 2 : WAITING_STATES.has(status) ? 1 : 0;
  const time = group === 2 ? Number.MAX_SAFE_INTEGER - finishedMs : createdMs;
  return [group, priority, String(time).padStart(16, "0"), key, String(index).padStart(3, "0")].join(" ");
}

function shown({ target, status }: Entry, agent: string | undefined, show: QueueQuery["show"]): boolean {
  if (agent !== undefined && target.agent?.name !== agent && target.agent?.id !== agent) return false;
  switch (show) {
    case undefined:
      return !DONE_STATES.has(status);
    case "waiting":
      return WAITING_STATES.has(status);
    case "processing":
      return !WAITING_STATES.has(status) && !DONE_STATES.has(status);
    case "completed":
      return DONE_STATES.has(status);
  }
}

function itemOf({ core, target, index, status }: Entry, scene: Scene): Item {
  const { agent } = target;
  const host = knownHostOf(target, scene.hosts);
  const waiting = waitingOf(core, target, scene);
  return {
    task: core.id,
    title: core.title,
    target: index,
    ...(agent === undefined ? {} : { agent: { id: agent.id, name: agent.name } }),
    ...(host === undefined ? {} : { host }),
    status,
    priority: core.priority,
    createdAt: new Date(core.createdMs).toISOString(),
    ...(waiting === undefined ? {} : { waiting }),
  };
}

const noCounts = (): Record<TaskState, number> => ({
  blocked: 0,
  queued: 0,
  offered: 0,
  running: 0,
  cancelling: 0,
  unknown: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  timed_out: 0,
  lost: 0,
});
