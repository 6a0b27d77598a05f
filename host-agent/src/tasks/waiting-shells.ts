/**
 * What is got ready while a start is on its way. Runners' shells that wait for their orders: one for each offer that is
 * accepted, and one to spare, so that the next offer finds it there; to begin one takes as long as everything else of a
 * start. And the attempt's cgroups, once its offer is answered.
 */
import { pause, type Clock } from "../daemon/clock.ts";
import { makeCgroups } from "./cgroup-places.ts";
import { removeCgroups } from "./members.ts";
import { RunnerShell, type Limits, type Ready } from "./runner.ts";
import { isScope } from "./scope.ts";

export interface WaitingDeps {
  /** The installed runner, and the argvs of shells that may run it, best first. */
  runner: string;
  shells(attempt: string): readonly (readonly string[])[];
  clock: Clock;
  draining(): boolean;
}

/** A start comes at once, or this host is not the one that was chosen. */
const WAIT_FOR_ORDERS_MS = 10_000;
/** To begin one takes a processor for about as long. */
export const SETTLE_AFTER_MS = 10;

export class WaitingShells {
  readonly #deps: WaitingDeps;
  readonly #stopped: AbortSignal;
  /** All alike: none belongs to an attempt before it is taken. */
  readonly #waiting: RunnerShell[] = [];
  /** Offers whose start is to come, and since which of them. */
  readonly #wanted = new Map<string, object>();
  /** Starts that are being served: nothing that can wait is done meanwhile. */
  readonly #served = new Set<string>();
  readonly #ready = new Map<string, Ready>();
  #isToSettle = false;

  constructor(deps: WaitingDeps, stopped: AbortSignal) {
    this.#deps = deps;
    this.#stopped = stopped;
    stopped.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** While an offer is written down and its start is on the way, a shell begins, unless there is one to spare. */
  want(attempt: string): void {
    const { clock } = this.#deps;
    const shell = this.#shell(attempt);
    if (shell === undefined || this.#stopped.aborted) return;
    const since = {};
    this.#wanted.set(attempt, since);
    if (this.#waiting.length < this.#wanted.size) this.#begin(shell);
    void pause(clock, WAIT_FOR_ORDERS_MS, this.#stopped).then(() => {
      if (this.#wanted.get(attempt) === since) this.done(attempt);
    });
  }

  /**
   * Its offer is accepted, and nobody waits here for anything of it until its start comes.
   *
   * @param lay writes down what its runner will find; false: that has to do it.
   */
  answered(attempt: string, lay: (groups: readonly string[]) => boolean): void {
    setImmediate(() => {
      if (!this.#wanted.has(attempt)) return;
      const groups = makeCgroups(attempt, {});
      this.#ready.set(attempt, { groups, laid: groups.length > 0 && lay(groups) });
    });
  }

  /** For its start, which has to see to them from here on. */
  takeReady(attempt: string, limits: Limits): Ready {
    const ready = this.#ready.get(attempt);
    this.#ready.delete(attempt);
    // A limit on the processor takes one more.
    return ready === undefined || limits.cpus !== undefined ? { groups: makeCgroups(attempt, limits), laid: false } : ready;
  }

  /** For its start, which is served until it is `done`. Undefined: there is none that nobody else waits for. */
  take(attempt: string): RunnerShell | undefined {
    this.#served.add(attempt);
    const isWanted = this.#wanted.delete(attempt);
    // Meanwhile there may be scopes, and an attempt of theirs begins in its own.
    if (this.#shell(attempt) === undefined) return undefined;
    return isWanted || this.#waiting.length > this.#wanted.size ? this.#waiting.shift() : undefined;
  }

  /** It is not to be started, or has its runner. */
  done(attempt: string): void {
    this.#wanted.delete(attempt);
    this.#served.delete(attempt);
    removeCgroups(this.#ready.get(attempt)?.groups ?? []);
    this.#ready.delete(attempt);
    this.settle();
  }

  /** Ends what nobody waits for, and begins one to spare: soon, and not while what was just started begins. */
  settle(): void {
    if (this.#isToSettle) return;
    this.#isToSettle = true;
    void pause(this.#deps.clock, SETTLE_AFTER_MS, this.#stopped).then(() => {
      this.#isToSettle = false;
      this.#settle();
    });
  }

  #settle(): void {
    const shell = this.#stopped.aborted || this.#deps.draining() ? undefined : this.#shell("spare");
    this.#keep(Math.max(this.#wanted.size, shell === undefined ? 0 : 1));
    // Should it die, there is none until the next task: one that cannot begin is not tried again and again.
    if (shell !== undefined && this.#waiting.length + this.#wanted.size + this.#served.size === 0) this.#begin(shell);
  }

  #end(): void {
    this.#keep(0);
    for (const { groups } of this.#ready.values()) removeCgroups(groups);
    this.#ready.clear();
  }

  #keep(count: number): void {
    for (const shell of this.#waiting.splice(count)) shell.dismiss();
  }

  #begin(argv: readonly string[]): void {
    const shell = new RunnerShell(this.#deps.runner, argv, true);
    // [F28] The start tries again, and says why there is none.
    if (shell.pid === undefined) return;
    this.#waiting.push(shell);
    void shell.exited.then(() => {
      const at = this.#waiting.indexOf(shell);
      if (at >= 0) this.#waiting.splice(at, 1);
    });
  }

  /** A scope is made for what runs only. */
  #shell(attempt: string): readonly string[] | undefined {
    const [first] = this.#deps.shells(attempt);
    return first === undefined || isScope(first) ? undefined : first;
  }
}
