/** Attempts that run in a place of its own, as parts of whoever keeps them: launch, body, removal, and what is left there. */
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { LaunchNote } from "../tasks/attempt-files.ts";
import type { ImageFiles } from "../tasks/attempt-images.ts";
import type { Launch } from "../tasks/attempt-starts.ts";
import { LiveAttempt, type Following, type LiveDeps } from "../tasks/live-attempt.ts";
import { reasonOf } from "../tasks/reasons.ts";
import type { WorkPlan } from "../tasks/work-plan.ts";
import type { Removal } from "../tasks/worktree.ts";
import type { Isolated } from "./isolated-work.ts";
import { patiently, type Place } from "./place.ts";
import { remoteBody } from "./remote-body.ts";
import { remoteLaunch, type RemoteLaunchDeps } from "./remote-launch.ts";
import { planRemote } from "./remote-plan.ts";

export interface ElsewhereDeps extends LiveDeps, Pick<RemoteLaunchDeps, "bootId" | "passed" | "signal"> {
  /** Undefined: where everything runs that asks for no container. */
  placeOf(container: string | undefined): Place;
  /** Work whose type asks for a container of its own. */
  isolated: Isolated;
}

export interface Elsewhere {
  /** @param log of the attempt, here. */
  plan(
    spec: AttemptSpec,
    sealed: Readonly<Record<string, string>>,
    log: string,
    images: ImageFiles,
    cancelled: AbortSignal,
  ): Promise<Result<WorkPlan>>;
  launch: Launch;
  live(following: Following, stopped: AbortSignal): LiveAttempt;
  removeWorkspace(note: LaunchNote, spec: AttemptSpec): Promise<Removal>;
  /** Until aborted: once an end is on disk here, nothing of the attempt stays there: its log may hold what was blotted out of this one. */
  sweep(stopped: AbortSignal): Promise<void>;
}

const SWEEP_MS = 5_000;
const SWEEP_MAX_MS = 5 * 60_000;

export function createElsewhere(deps: ElsewhereDeps): Elsewhere {
  const { placeOf, isolated, store, clock, timeScale, log, signal } = deps;
  const lookAt = (container: string | undefined, cancelled: AbortSignal) => {
    const either = AbortSignal.any([signal, cancelled]);
    return patiently(() => placeOf(container).look(either), { clock, timeScale, signal: either });
  };
  return {
    async plan(spec, sealed, file, images, cancelled) {
      const type = isolated.typeOf(spec);
      if (!type.ok) return type;
      if (type.value !== undefined) return isolated.plan(spec, type.value, sealed, file, images, cancelled);
      const looked = await lookAt(spec.container, cancelled);
      if (!looked.ok) return looked;
      const planned = planRemote(spec, sealed, looked.value, images);
      if (!planned.ok || spec.container === undefined) return planned;
      return ok({ ...planned.value, note: { ...planned.value.note, container: spec.container } });
    },

    async launch(entry, plan, foreseen, cancelled) {
      const { container } = plan.note;
      const place = placeOf(container);
      try {
        const looked = await lookAt(container, cancelled);
        if (!looked.ok) return { type: "refused", reason: reasonOf(looked.error) };
        const { facts } = looked.value;
        const launched = await remoteLaunch({ ...deps, hand: place.hand, facts: () => facts })(entry, plan, foreseen, cancelled);
        // They are there now, or are not wanted.
        store.removeImages(entry.attempt);
        return launched;
      } finally {
        isolated.launched(entry.attempt);
      }
    },

    live(following, stopped) {
      const { launch, spec } = following;
      const { hand, follower } = placeOf(launch.container);
      const body = remoteBody(
        spec.attempt,
        launch.remote ?? spec.attempt,
        { store, hand, follower, clock, timeScale, log, logLimitBytes: deps.logLimitBytes },
        stopped,
      );
      return new LiveAttempt(deps, following, body, stopped);
    },

    async removeWorkspace(note, spec) {
      const { workspace, kind, container } = note;
      if (note.isolated === true) return isolated.remove(note, spec);
      if (kind !== "default")
        return { outcome: "kept", detail: `'${workspace}' was given with the task, not made for it: it may hold other work, and stays.` };
      const cleared = await placeOf(container).hand.clear(workspace, signal);
      return cleared.ok ? cleared.value : { outcome: "kept", detail: cleared.error.detail };
    },

    async sweep(stopped) {
      const swept = new Set<string>();
      const waits: Waits = new Map();
      while (!stopped.aborted) {
        for (const attempt of store.list()) if (!swept.has(attempt) && (await sweepOne(attempt, deps, waits, stopped))) swept.add(attempt);
        await pause(clock, SWEEP_MS * timeScale, stopped);
      }
    },
  };
}

/** Places that did not do it: how often, and until when they are left alone. */
type Waits = Map<string | undefined, { failures: number; untilMs: number }>;

/** True: it needs no further look. */
async function sweepOne(attempt: string, deps: ElsewhereDeps, waits: Waits, stopped: AbortSignal): Promise<boolean> {
  const { store, placeOf, isolated, clock, timeScale, log } = deps;
  if (stopped.aborted) return false;
  const { end, launch } = store.read(attempt);
  if (end === undefined) return false;
  if (launch?.remote === undefined || store.isMarked(attempt, "swept")) return true;
  const { container } = launch;
  const failures = waits.get(container)?.failures ?? 0;
  if (clock.monotonicMs() < (waits.get(container)?.untilMs ?? 0)) return false;
  let removed = await placeOf(container).hand.remove(launch.remote, stopped);
  // What one that was made for its workspace kept is beside that.
  if (!removed.ok && removed.error.code === "container_not_running" && launch.isolated === true && container !== undefined)
    removed = await isolated.wipe(container, "attempts", launch.remote);
  if (removed.ok) {
    waits.delete(container);
    store.mark(attempt, "swept");
    if (store.isMarked(attempt, "unwanted")) store.remove(attempt);
    return true;
  }
  // A container that is gone took it along; of one that is stopped it is removed when it runs again.
  log.debug("what is left of an attempt there cannot be removed yet", { attempt, why: removed.error.detail });
  const waitMs = Math.min(SWEEP_MAX_MS, SWEEP_MS * 2 ** failures) * timeScale;
  waits.set(container, { failures: failures + 1, untilMs: clock.monotonicMs() + waitMs });
  return false;
}
