/** Tasks as they are shown: one, a page of them newest first, the queue. */
import type { Queue, Task, TaskDetail, TaskState } from "@maestro/shared/contract/tasks";
import type { QueueQuery, TaskQuery } from "../../domain/tasks/calls.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { queueView } from "../../domain/tasks/queue-view.ts";
import { overall, taskStatus } from "../../domain/tasks/status.ts";
import { hostOf } from "../../domain/tasks/telling.ts";
import { taskDetail, taskView, type WholeTask } from "../../domain/tasks/views.ts";
import type { Scene } from "../../domain/tasks/waiting.ts";
import type { Engine } from "./engine.ts";
import { inReach, type TaskFinder } from "./task-finder.ts";
import type { TaskRows, Work } from "./task-rows.ts";

/** Rows that are looked through for one page; then the page is shorter, and says where to go on. */
const MAX_SEEN = 5_000;
/** Ended ones that the queue still shows. */
const MAX_RECENT = 1_000;
const STRETCH = 100;
/** Beyond every key. */
const NEWEST = "~";

export class Lists {
  readonly #engine: Engine;
  readonly #rows: TaskRows;
  readonly #finder: TaskFinder;
  /** How many ended how; counted when first asked for. */
  #ended: Map<TaskState, number> | undefined;

  constructor(engine: Engine, rows: TaskRows, finder: TaskFinder) {
    this.#engine = engine;
    this.#rows = rows;
    this.#finder = finder;
  }

  /** @param work of one that was just taken in: it is not read again. */
  view(core: TaskCore, work?: Pick<Work, "spec" | "prompt">): Task {
    const { scene } = this.#engine;
    const whole =
      work === undefined ? this.#whole(core) : { core, spec: work.spec, prompt: work.prompt, results: new Map<string, string>() };
    return taskView(whole, scene, (key) => this.#statusOf(key, scene));
  }

  detail(core: TaskCore): TaskDetail {
    const { scene, board } = this.#engine;
    return taskDetail(
      this.#whole(core),
      scene,
      (key) => this.#statusOf(key, scene),
      (attempt) => board.loadOf(attempt),
    );
  }

  tasks(query: TaskQuery): { items: Task[]; next?: string | undefined } {
    const { scene } = this.#engine;
    const before = query.before === undefined ? NEWEST : (this.#finder.exact(query.before)?.key ?? query.before);
    const items: Task[] = [];
    let seen = 0;
    let last: string | undefined;
    for (const whole of this.#newest(before)) {
      if (items.length === query.limit || seen === MAX_SEEN) return { items, next: last };
      seen += 1;
      last = whole.core.id;
      if (matches(whole, query, scene)) items.push(taskView(whole, scene, (key) => this.#statusOf(key, scene)));
    }
    return { items };
  }

  /** The newest task of an agent that has ended, among the recent ones. */
  lastOf(agent: string): TaskCore | undefined {
    let seen = 0;
    for (const { core } of this.#newest(NEWEST)) {
      if (core.finishedMs !== undefined && core.targets.some((target) => target.agent?.id === agent)) return core;
      seen += 1;
      if (seen === MAX_RECENT) return undefined;
    }
    return undefined;
  }

  queue(query: QueueQuery): Queue {
    const { board, scene } = this.#engine;
    const open = [...board.tasks.values()].filter((core) => inReach(core, query.reach));
    this.#ended ??= new Map<TaskState, number>(this.#rows.counts());
    const recent = query.show === "completed" ? this.#recent(query) : [];
    // Who sees a part of the fleet is not told how much there is beside it.
    const whole = query.reach.hosts === undefined && query.reach.agents === undefined && query.reach.task === undefined;
    return queueView([...open, ...recent], whole ? this.#ended : new Map<TaskState, number>(), query, scene);
  }

  ended({ targets }: TaskCore): void {
    const status = overall(targets);
    this.#ended?.set(status, (this.#ended.get(status) ?? 0) + 1);
  }

  /** Tasks were forgotten, or run again. */
  recount(): void {
    this.#ended = undefined;
  }

  #recent({ reach }: QueueQuery): TaskCore[] {
    const recent: TaskCore[] = [];
    let seen = 0;
    for (const { core } of this.#newest(NEWEST)) {
      if (core.finishedMs !== undefined && inReach(core, reach)) recent.push(core);
      seen += 1;
      if (seen === MAX_RECENT) break;
    }
    return recent;
  }

  /** Open and closed ones are two ranges of the key. */
  *#newest(before: string): Generator<WholeTask> {
    const [open, closed] = [this.#stretches(before, 1), this.#stretches(before, 0)];
    let [a, b] = [open.next(), closed.next()];
    while (a.done !== true || b.done !== true) {
      if (b.done === true || (a.done !== true && a.value.core.key > b.value.core.key)) {
        if (a.done !== true) yield a.value;
        a = open.next();
      } else {
        yield b.value;
        b = closed.next();
      }
    }
  }

  *#stretches(before: string, open: 0 | 1): Generator<WholeTask> {
    for (let from = before; ;) {
      const rows = this.#rows.before(from, open, STRETCH);
      for (const row of rows) yield this.#asItIs(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < STRETCH) return;
      from = last.core.key;
    }
  }

  /** What goes on in an open one may not be written yet. */
  #asItIs(whole: WholeTask): WholeTask {
    const core = this.#engine.board.tasks.get(whole.core.key);
    return core === undefined ? whole : { ...whole, core };
  }

  #whole(core: TaskCore): WholeTask {
    const whole = this.#rows.whole(core.key);
    if (whole === undefined) throw new Error(`task ${core.key} has no row`);
    return this.#asItIs(whole);
  }

  #statusOf(key: string, scene: Scene): TaskState | undefined {
    const core = this.#engine.core(key);
    return core === undefined ? undefined : taskStatus(core, scene);
  }
}

function matches({ core, spec, prompt }: WholeTask, { status, agent, host, parent, q, reach }: TaskQuery, scene: Scene): boolean {
  if (!inReach(core, reach)) return false;
  if (status !== undefined && !status.includes(taskStatus(core, scene))) return false;
  if (parent !== undefined && core.parent?.task !== parent) return false;
  if (agent !== undefined && !core.targets.some((target) => target.agent?.id === agent || target.agent?.name === agent)) return false;
  if (host !== undefined && !core.targets.map(hostOf).some((at) => at !== undefined && (at.id === host || at.name === host))) return false;
  if (q === undefined || q === "") return true;
  const texts = [core.id, core.title, spec.body.description, prompt, spec.body.command?.join(" ")];
  return texts.some((text) => text?.toLowerCase().includes(q.toLowerCase()) === true);
}
