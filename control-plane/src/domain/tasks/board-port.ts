/** What the board of tasks needs done, and what it cannot know by itself. */
import type { MaestroError } from "@maestro/shared/errors";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import type { Attempt, HostState, StopWhy, TaskCore } from "./model.ts";

export interface BoardPort {
  /** Uniform in [0, 1). */
  random(): number;
  /** A new one, from which its task can be told. */
  attemptId(task: TaskCore): string;
  /** The next number of a change that followers are told of. */
  change(): number;
  /** The task of an attempt, open or not. */
  taskOf(attempt: string): TaskCore | undefined;

  /** The one of this key, open or not, with what of it is not written yet. */
  task(key: string): TaskCore | undefined;

  // written together with all else of one decision
  save(task: TaskCore): void;
  /** It may be written later: what is lost can be learnt again. */
  soften(task: TaskCore): void;
  saveHost(host: HostState): void;
  forgetHost(host: string): void;
  /** Something that changes nothing any more, and yet was said. */
  evidence(host: string, report: AttemptReport): void;
  /** It is final: those who wait for it are told, its secrets are deleted. */
  ended(task: TaskCore): void;

  // done after that is written
  offer(task: TaskCore, target: number, attempt: Attempt): void;
  /** @param again it may have been asked before: the answer does not tell what became of that. */
  start(task: TaskCore, target: number, attempt: Attempt, again: boolean): void;
  cancel(attempt: Pick<Attempt, "id" | "fence" | "host">, why: StopWhy): void;
  /** When it gave a sign of life last; answered by `hostSeen`. */
  look(host: string): void;
}

/** All scaled alike; tests shorten them. */
export interface BoardTimes {
  /** [TK1] */
  offerMs: number;
  /** [TK2] */
  leaseMs: number;
  lostMs: number;
  /** Until a cancel that shows no effect is asked again. */
  stopAgainMs: number;
  /** The runner ends what takes too long by itself; so much later it is asked to. */
  slackMs: number;
  scale: number;
}

/** Of a host. `neverSent`: it did not hear the question. */
export type Answer<T> = { ok: true; value: T } | { ok: false; error: MaestroError; neverSent?: boolean | undefined };
