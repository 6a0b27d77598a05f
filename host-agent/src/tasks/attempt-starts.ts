/** From `start` to a runner that carries the attempt, or to the reason why there is none. [TK1] */
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { AttemptEnds, EndDeps } from "./attempt-ends.ts";
import { isNoSpace, type Entry, type Own } from "./attempt-entry.ts";
import type { LaunchNote } from "./attempt-files.ts";
import { because, type Standing } from "./attempt-state.ts";
import type { AttemptTelling } from "./attempt-telling.ts";
import { knownSecrets } from "./log-file.ts";
import { reasonOf } from "./reasons.ts";
import { startRunner, type Orders, type Ready, type RunnerShell } from "./runner.ts";
import { isScope } from "./scope.ts";
import type { WaitingDeps, WaitingShells } from "./waiting-shells.ts";
import type { WorkPlan } from "./work-plan.ts";

export interface StartDeps extends EndDeps, Pick<WaitingDeps, "runner" | "shells"> {
  /** What a plan that does not take long will note, before there is one. */
  foresee(spec: AttemptSpec): Omit<LaunchNote, "bootId"> | undefined;
  plan(spec: AttemptSpec, sealed: Readonly<Record<string, string>>, log: string): Promise<Result<WorkPlan>>;
  unseal(sealed: string, attempt: string, fence: number): Result<Record<string, string>>;
  uptimeCs(): number;
  /** Named between every two effects. */
  passed(step: string): void;
}

/** Of a `start`: what takes longer (a large worktree) is answered with how it stands. */
const START_PATIENCE_MS = 8_000;
/** Of the runner's own stopping, for a timeout or an end of its lease. */
const RUNNER_GRACE_MS = 10_000;

export class AttemptStarts {
  readonly #deps: StartDeps;
  readonly #ends: AttemptEnds;
  readonly #telling: AttemptTelling;
  readonly #stopped: AbortSignal;
  readonly #waiting: WaitingShells;

  constructor(deps: StartDeps, ends: AttemptEnds, telling: AttemptTelling, waiting: WaitingShells, stopped: AbortSignal) {
    this.#deps = deps;
    this.#ends = ends;
    this.#telling = telling;
    this.#waiting = waiting;
    this.#stopped = stopped;
  }

  /** Begins what was only accepted; what has begun goes on. Resolves when it is begun, or patience is at its end. */
  async start(entry: Entry, fence: number, sealed: string): Promise<void> {
    if (entry.state.type === "accepted" && entry.fence === fence) {
      const secrets = sealed === "" ? ok({}) : this.#deps.unseal(sealed, entry.attempt, fence);
      if (secrets.ok) {
        const begun = this.#begin(entry, secrets.value);
        if (entry.state.type === "accepted") entry.state = { type: "preparing", begun, cancelled: false };
      } else {
        this.#waiting.done(entry.attempt);
        this.#ends.failUnstarted(entry, reasonOf(secrets.error));
      }
    }
    if (entry.state.type === "preparing") await this.#awaitBegun(entry, entry.state.begun);
  }

  async #awaitBegun(entry: Entry, begun: Promise<void>): Promise<void> {
    const { clock, timeScale } = this.#deps;
    const patience = new AbortController();
    const first = await Promise.race([
      begun.then(() => "begun"),
      pause(clock, Math.max(START_PATIENCE_MS * timeScale, 2_000), AbortSignal.any([patience.signal, this.#stopped])),
    ]);
    patience.abort();
    // Told as soon as there is something to tell.
    if (first !== "begun") void begun.then(() => this.#telling.tell(entry));
  }

  async #begin(entry: Entry, sealed: Readonly<Record<string, string>>): Promise<void> {
    const { store, log, bootId, foresee, plan, passed } = this.#deps;
    const { attempt, spec } = entry;
    try {
      const foreseen = foresee(spec);
      const noted = foreseen === undefined ? undefined : store.noteBegun(attempt, { ...foreseen, bootId });
      noted?.catch(() => {});
      const planned = await plan(spec, sealed, store.paths(attempt).log);
      passed("planned");
      if (planned.ok && !isCancelled(entry)) return await this.#spawn(entry, planned.value, noted);
      await Promise.allSettled([noted]);
      store.forgetBegun(attempt);
      if (planned.ok) this.#ends.cancelUnstarted(entry);
      else this.#ends.failUnstarted(entry, reasonOf(planned.error));
    } catch (cause) {
      const error =
        cause instanceof MaestroFailure
          ? cause.error
          : isNoSpace(cause)
            ? maestroError("disk_full", "No space left on the host to start it.")
            : maestroError("internal", "The host failed to start it.");
      log.error("an attempt cannot be started", {
        attempt,
        cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
      });
      const standing = await this.#ends.settled(attempt);
      if (isUnbegun(standing)) this.#ends.failUnstarted(entry, reasonOf(error));
      else this.#ends.follow(entry, standing, undefined);
    } finally {
      this.#waiting.done(attempt);
    }
  }

  /** @param foreseen is on disk when it resolves; undefined: nothing was. */
  async #spawn(entry: Entry, plan: WorkPlan, foreseen: Promise<void> | undefined): Promise<void> {
    const { store, logs, bootId, runner, shells, uptimeCs, passed } = this.#deps;
    const { attempt, fence, spec } = entry;
    const note = { ...plan.note, bootId };
    store.noteLaunch(attempt, note, plan.stdin);
    const noted = foreseen ?? store.noteBegun(attempt, note);
    noted.catch(() => {});
    if (spec.stopAfterMs !== undefined) store.touchLease(attempt, uptimeCs());
    let refusal = because("spawn_failed", "The runner could not be started on this host.");
    for (const { shell, waiting } of this.#runners(attempt, shells(attempt))) {
      const ready = async (): Promise<Ready | undefined> => {
        const taken = isScope(shell) ? undefined : this.#waiting.takeReady(attempt, plan.limits);
        await noted;
        return taken;
      };
      const started = await startRunner(runner, this.#orders(spec, plan), shell, ready, waiting);
      passed("spawned");
      if (!started.ok) {
        refusal = reasonOf(started.error);
        continue;
      }
      const child = await started.value.child;
      passed("started");
      if (child === undefined) await started.value.exited;
      else logs.open(attempt, fence, store.paths(attempt).log, knownSecrets(plan.secrets));
      const standing = await this.#ends.settled(attempt);
      // It went before it made itself known: nothing was begun, and the next shell may do better.
      if (isUnbegun(standing)) continue;
      return this.#begun(entry, standing, started.value);
    }
    this.#ends.failUnstarted(entry, refusal);
  }

  /** The one that waits first: should it be gone, another one is begun. */
  #runners(attempt: string, shells: readonly (readonly string[])[]): { shell: readonly string[]; waiting?: RunnerShell }[] {
    const waiting = this.#waiting.take(attempt);
    const [first] = shells;
    return [...(waiting === undefined || first === undefined ? [] : [{ shell: first, waiting }]), ...shells.map((shell) => ({ shell }))];
  }

  #orders({ attempt, timeoutMs, stopAfterMs }: AttemptSpec, { argv, env, cwd, limits }: WorkPlan): Orders {
    const { store, bootId, logLimitBytes } = this.#deps;
    const { dir } = store.paths(attempt);
    return { attempt, dir, bootId, argv, env, cwd, timeoutMs, stopAfterMs, graceMs: RUNNER_GRACE_MS, logLimitBytes, limits };
  }

  #begun(entry: Entry, standing: Standing, { exited, pid }: Own): void {
    const cancelled = isCancelled(entry);
    this.#ends.follow(entry, standing, { exited, pid });
    if (cancelled) this.#ends.cancel(entry, { why: "cancelled", atMs: this.#deps.clock.wallMs(), graceMs: RUNNER_GRACE_MS });
  }
}

const isCancelled = ({ state }: Entry): boolean => state.type === "preparing" && state.cancelled;

const isUnbegun = ({ type }: Standing): boolean => type === "accepted" || type === "void";
