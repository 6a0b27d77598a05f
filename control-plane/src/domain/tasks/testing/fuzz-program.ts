/** What the fuzz is made of: chance, time, and what really happened. */

/** mulberry32: uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A rule was broken; anything else that is thrown is a bug of the fuzz. */
export class Violation extends Error {}

export interface Clock {
  nowMs: number;
  after(ms: number, act: () => void): void;
}

/** One execution, as it really was. */
export interface Run {
  task: string;
  target: number;
  attempt: string;
  host: string;
  startMs: number;
  endMs?: number;
  outcome?: "completed" | "failed" | "cancelled" | "timed_out" | "lost";
  exitCode?: number;
}

/** What the work itself does: told from the task alone, so whoever runs it gets the same. */
export interface Plan {
  durationMs: number;
  exitCode: number;
}

/** Everything that ran, and whether it was allowed to. */
export class Ledger {
  readonly runs: Run[] = [];

  begin(run: Run): Run {
    const beside = this.runs.find(({ task, target, endMs }) => task === run.task && target === run.target && endMs === undefined);
    if (beside !== undefined) throw new Violation(`${run.task}/${run.target} runs as ${run.attempt} and still as ${beside.attempt}`);
    this.runs.push(run);
    return run;
  }

  of(task: string, target: number): Run[] {
    return this.runs.filter((run) => run.task === task && run.target === target);
  }

  byAttempt(attempt: string): Run | undefined {
    return this.runs.find((run) => run.attempt === attempt);
  }
}
