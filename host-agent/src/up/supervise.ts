/** One child process kept alive: started again after it died, less and less eagerly, with one line for each death. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

export interface ChildPlan {
  name: string;
  /** Starts it. Its standard input is a pipe that we never write to again: when we die, it reads the end. */
  start(): Promise<ChildProcess>;
  /** It runs (first time, or again). */
  onStart(child: ChildProcess): void;
  note(line: string): void;
  /** Until then whoever waits for it tells why it ended, in one error instead of notes. Default: at once. */
  served?: Promise<unknown>;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;
const STEADY_AFTER_MS = 30_000;

/** @param attempt 0 for the first restart. */
export const restartDelayMs = (attempt: number): number => Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));

export class SupervisedChild {
  readonly #plan: ChildPlan;
  readonly #stop = new AbortController();
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #noted: boolean;

  constructor(plan: ChildPlan) {
    this.#plan = plan;
    this.#noted = plan.served === undefined;
    plan.served?.then(
      () => (this.#noted = true),
      () => undefined,
    );
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  run(): void {
    this.#ended = this.#loop();
  }

  /** Closes its input, then TERM and KILL, each after `graceMs`. Resolves when it is gone and will not come back. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    const child = this.#child;
    child?.stdin?.end();
    const timers = [setTimeout(() => child?.kill("SIGTERM"), graceMs), setTimeout(() => child?.kill("SIGKILL"), 2 * graceMs)];
    await this.#ended;
    timers.forEach(clearTimeout);
  }

  async #loop(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const startedMs = performance.now();
      const how = await this.#once();
      if (this.#stop.signal.aborted) return;
      if (performance.now() - startedMs > STEADY_AFTER_MS) attempt = 0;
      const waitMs = restartDelayMs(attempt);
      const wait = waitMs < 1000 ? `${waitMs} ms` : `${waitMs / 1000} s`;
      if (this.#noted) this.#plan.note(`The ${this.#plan.name} ended (${how}); it is started again in ${wait}.`);
      await delay(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #once(): Promise<string> {
    const child = await this.#plan.start();
    this.#child = child;
    if (this.#stop.signal.aborted) child.stdin?.end();
    // Writing to a child that died is not our failure.
    child.stdin?.on("error", () => undefined);
    return new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("spawn", () => this.#plan.onStart(child));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  }
}
