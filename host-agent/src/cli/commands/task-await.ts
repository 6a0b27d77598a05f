/** Waits for a task, and shows how far it is. The task knows nothing of it. */
import { isFinal, type Task } from "@maestro/shared/contract/tasks";
import type { ApiClient } from "../api/client.ts";
import { patiently, rest, type Patience } from "../api/patience.ts";
import type { Context } from "../context.ts";
import { Interrupted } from "../interrupted.ts";
import type { Interruption } from "../interruption.ts";
import { LiveBlock } from "../render/live-block.ts";
import { LastLines } from "./task-last-lines.ts";
import { progressLines, progressNews, type Seen } from "./task-progress.ts";

export interface Progress extends Disposable {
  show(task: Task): void;
  /** How long one question may wait at most: what is shown is no older. */
  stepSeconds: number;
}

/** Below the time that an answer may take. */
const QUIET_STEP_S = 10;
const SHOWN_STEP_S = 2;
/** In its first moments a task changes most. */
const FIRST_STEP_S = 0.25;

export const patienceOf = ({ out, settings }: Context, interruption: Interruption): Patience => ({
  signal: interruption.signal,
  scale: settings().timeScale,
  met: false,
  away: (why) => out.note(`${why} The task goes on; asking again.`),
});

/** Undefined: interrupted, or the time is over. */
export async function awaitTask(
  client: ApiClient,
  id: string,
  patience: Patience,
  progress: Progress,
  untilMs = Number.POSITIVE_INFINITY,
  nowMs: () => number = Date.now,
): Promise<Task | undefined> {
  let early = 0;
  for (let step = FIRST_STEP_S; ; step *= 2) {
    const askedMs = nowMs();
    const left = Math.max(0, Math.min(step, progress.stepSeconds, (untilMs - nowMs()) / 1000));
    try {
      const task = await patiently(patience, () =>
        client.call("taskWait", { params: { id }, query: { timeout: left }, signal: patience.signal }),
      );
      if (patience.signal.aborted) return undefined;
      progress.show(task);
      if (isFinal(task.status)) return task;
    } catch (error) {
      if (patience.signal.aborted) return undefined;
      throw error;
    }
    if (nowMs() >= untilMs) return undefined;
    // Who answers before its time is not asked at once again.
    if (nowMs() - askedMs < (left * 1000) / 2) await rest(patience, early++);
    else early = 0;
  }
}

/** Asked for or not, the task goes on; whoever goes away is told how to come back. */
export function wentAway({ stderr }: Context["io"], id: string): Interrupted {
  // Behind the `^C` that the terminal has written.
  if (stderr.isTTY) stderr.write("\n");
  return new Interrupted(`; task ${id} goes on`, `Follow it: maestro logs ${id} --follow; cancel it: maestro task cancel ${id}`);
}

/** For programs, and for who wants ids only. */
export const silent: Progress = { show: () => undefined, stepSeconds: QUIET_STEP_S, [Symbol.dispose]: () => undefined };

export function progressFor(context: Context, client: ApiClient, patience: Patience): Progress {
  const { out, io } = context;
  if (out.mode !== "table") return silent;
  return io.stderr.isTTY ? new LiveProgress(context, client, patience) : plain(context);
}

function plain({ out }: Context): Progress {
  let before: Task | undefined;
  return {
    ...silent,
    stepSeconds: SHOWN_STEP_S,
    show(task) {
      for (const line of progressNews(task, before)) out.note(line);
      before = task;
    },
  };
}

class LiveProgress implements Progress {
  readonly stepSeconds = SHOWN_STEP_S;
  readonly #context: Context;
  readonly #block: LiveBlock;
  readonly #lines: LastLines;
  readonly #ticking: NodeJS.Timeout;
  readonly #seen: (Seen & { status: string })[] = [];
  #task: Task | undefined;

  constructor(context: Context, client: ApiClient, patience: Patience) {
    this.#context = context;
    this.#block = new LiveBlock(context.io.stderr);
    this.#lines = new LastLines(client, patience);
    this.#ticking = setInterval(() => this.#draw(), 1000);
  }

  show(task: Task): void {
    this.#task = task;
    const now = this.#context.io.nowMs();
    for (const [i, { status }] of task.targets.entries()) {
      if (this.#seen[i]?.status !== status) this.#seen[i] = { status, sinceMs: now, lastLine: undefined };
    }
    this.#lines.follow(task);
    this.#draw();
  }

  #draw(): void {
    if (this.#task === undefined) return;
    const seen = this.#seen.map((own, i) => ({ ...own, lastLine: this.#lines.of(i) }));
    this.#block.draw(progressLines(this.#task, seen, this.#context.io.nowMs(), this.#block.width));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking);
    this.#lines[Symbol.dispose]();
  }
}
