/** From `start` to a runner that carries the attempt, or to the reason why there is none. [TK1] */
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import type { TaskReason } from "@maestro/shared/contract/tasks";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { AttemptEnds, EndDeps } from "./attempt-ends.ts";
import { isNoSpace, type Entry, type Own } from "./attempt-entry.ts";
import type { LaunchNote } from "./attempt-files.ts";
import { fetchImages, type ImageDeps, type ImageFiles } from "./attempt-images.ts";
import type { Standing } from "./attempt-state.ts";
import type { AttemptTelling } from "./attempt-telling.ts";
import { reasonOf } from "./reasons.ts";
import type { WaitingShells } from "./waiting-shells.ts";
import type { WorkPlan } from "./work-plan.ts";

export interface StartParts {
  ends: AttemptEnds;
  telling: AttemptTelling;
  waiting: WaitingShells;
}

/** Its work may have begun, or why it has not. */
export type Launched = { type: "begun"; standing: Standing; own: Own | undefined } | { type: "refused"; reason: TaskReason };
/**
 * @param foreseen is on disk when it resolves; undefined: nothing was.
 * @param cancelled what takes its time before anything has begun ends with it, and is refused.
 */
export type Launch = (entry: Entry, plan: WorkPlan, foreseen: Promise<void> | undefined, cancelled: AbortSignal) => Promise<Launched>;

export interface StartDeps extends EndDeps {
  timeScale: number;
  launcher(parts: StartParts): Launch;
  /** What a plan that does not take long will note, before there is one. */
  foresee(spec: AttemptSpec): Omit<LaunchNote, "bootId"> | undefined;
  /** @param cancelled what takes its time ends with it. */
  plan(
    spec: AttemptSpec,
    sealed: Readonly<Record<string, string>>,
    log: string,
    images: ImageFiles,
    cancelled: AbortSignal,
  ): Promise<Result<WorkPlan>>;
  images: ImageDeps;
  unseal(sealed: string, attempt: string, fence: number): Result<Record<string, string>>;
  /** Named between every two effects. */
  passed(step: string): void;
}

/** Of a `start`: what takes longer (a large worktree) is answered with how it stands. */
const START_PATIENCE_MS = 8_000;

export class AttemptStarts {
  readonly #deps: StartDeps;
  readonly #ends: AttemptEnds;
  readonly #telling: AttemptTelling;
  readonly #stopped: AbortSignal;
  readonly #waiting: WaitingShells;
  readonly #launch: Launch;

  constructor(deps: StartDeps, parts: StartParts, stopped: AbortSignal) {
    this.#deps = deps;
    this.#ends = parts.ends;
    this.#telling = parts.telling;
    this.#waiting = parts.waiting;
    this.#launch = deps.launcher(parts);
    this.#stopped = stopped;
  }

  /** Begins what was only accepted; what has begun goes on. Resolves when it is begun, or patience is at its end. */
  async start(entry: Entry, fence: number, sealed: string): Promise<void> {
    if (entry.state.type === "accepted" && entry.fence === fence) {
      const secrets = sealed === "" ? ok({}) : this.#deps.unseal(sealed, entry.attempt, fence);
      if (secrets.ok) {
        const cancel = new AbortController();
        const begun = this.#begin(entry, secrets.value, cancel.signal);
        if (entry.state.type === "accepted") entry.state = { type: "preparing", begun, cancel };
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

  async #begin(entry: Entry, sealed: Readonly<Record<string, string>>, cancelled: AbortSignal): Promise<void> {
    const { store, log, bootId, foresee, plan, images: fetching, passed } = this.#deps;
    const { attempt, spec } = entry;
    try {
      // A crash of the machine had better find nothing begun: that is noted once they are here.
      const images =
        spec.images === undefined
          ? ok([])
          : await fetchImages(spec, store.paths(attempt).dir, fetching, AbortSignal.any([cancelled, this.#stopped]));
      // Whoever comes after this process finds it as it is, and begins it; after a reboot too, if this one did not go in disorder.
      if (this.#stopped.aborted) return;
      const foreseen = images.ok && !cancelled.aborted ? foresee(spec) : undefined;
      const noted = foreseen === undefined ? undefined : store.noteBegun(attempt, { ...foreseen, bootId });
      noted?.catch(() => {});
      const planned = images.ok ? await plan(spec, sealed, store.paths(attempt).log, images.value, cancelled) : images;
      passed("planned");
      if (this.#stopped.aborted) {
        await Promise.allSettled([noted]);
        store.forgetBegun(attempt);
        return;
      }
      if (planned.ok && !cancelled.aborted) {
        const launched = await this.#launch(entry, planned.value, noted, cancelled);
        if (this.#stopped.aborted) return;
        if (launched.type === "begun") this.#ends.begun(entry, launched.standing, launched.own);
        else if (cancelled.aborted) this.#ends.cancelUnstarted(entry);
        else this.#ends.failUnstarted(entry, launched.reason);
        return;
      }
      await Promise.allSettled([noted]);
      store.forgetBegun(attempt);
      if (planned.ok || cancelled.aborted) this.#ends.cancelUnstarted(entry);
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
      else this.#ends.begun(entry, standing, undefined);
    } finally {
      this.#waiting.done(attempt);
    }
  }
}

export const isUnbegun = ({ type }: Standing): boolean => type === "accepted" || type === "void";
