/** Attempts that run in a place of its own, as parts of whoever keeps them: launch, body, removal, and what is left there. */
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { LaunchNote } from "../tasks/attempt-files.ts";
import type { Launch } from "../tasks/attempt-starts.ts";
import type { AttemptStore } from "../tasks/attempt-store.ts";
import { LiveAttempt, type Following, type LiveDeps } from "../tasks/live-attempt.ts";
import type { WorkPlan } from "../tasks/work-plan.ts";
import type { Removal } from "../tasks/worktree.ts";
import type { Place } from "./place.ts";
import { remoteBody } from "./remote-body.ts";
import { remoteLaunch, type RemoteLaunchDeps } from "./remote-launch.ts";
import { planRemote } from "./remote-plan.ts";

export interface ElsewhereDeps extends LiveDeps, Pick<RemoteLaunchDeps, "bootId" | "passed" | "signal"> {
  /** Undefined: where everything runs that asks for no container. */
  placeOf(container: string | undefined): Place;
}

export interface Elsewhere {
  plan(spec: AttemptSpec, sealed: Readonly<Record<string, string>>): Promise<Result<WorkPlan>>;
  launch: Launch;
  live(following: Following, stopped: AbortSignal): LiveAttempt;
  removeWorkspace(note: LaunchNote): Promise<Removal>;
  /** Until aborted: once an end is on disk here, nothing of the attempt stays there: its log may hold what was blotted out of this one. */
  sweep(stopped: AbortSignal): Promise<void>;
}

const SWEEP_MS = 5_000;

export function createElsewhere(deps: ElsewhereDeps): Elsewhere {
  const { placeOf, store, clock, timeScale, log, signal } = deps;
  return {
    async plan(spec, sealed) {
      const looked = await placeOf(spec.container).look(signal);
      if (!looked.ok) return looked;
      const planned = planRemote(spec, sealed, looked.value);
      if (!planned.ok || spec.container === undefined) return planned;
      return ok({ ...planned.value, note: { ...planned.value.note, container: spec.container } });
    },

    async launch(entry, plan, foreseen) {
      const place = placeOf(entry.spec.container);
      const looked = await place.look(signal);
      if (!looked.ok) throw new Error(looked.error.detail);
      const { facts } = looked.value;
      return remoteLaunch({ ...deps, hand: place.hand, facts: () => facts })(entry, plan, foreseen);
    },

    live(following, stopped) {
      const { launch, spec } = following;
      const { hand, follower } = placeOf(launch.container);
      const body = remoteBody(spec.attempt, launch.remote ?? spec.attempt, { store, hand, follower, clock, timeScale, log }, stopped);
      return new LiveAttempt(deps, following, body, stopped);
    },

    async removeWorkspace({ workspace, kind, container }) {
      if (kind !== "default")
        return { outcome: "kept", detail: `'${workspace}' was given with the task, not made for it: it may hold other work, and stays.` };
      const cleared = await placeOf(container).hand.clear(workspace, signal);
      return cleared.ok ? cleared.value : { outcome: "kept", detail: cleared.error.detail };
    },

    async sweep(stopped) {
      const swept = new Set<string>();
      while (!stopped.aborted) {
        for (const attempt of store.list()) if (!swept.has(attempt) && (await sweepOne(attempt, store, deps, stopped))) swept.add(attempt);
        await pause(clock, SWEEP_MS * timeScale, stopped);
      }
    },
  };
}

/** True: it needs no further look. */
async function sweepOne(attempt: string, store: AttemptStore, { placeOf, log }: ElsewhereDeps, stopped: AbortSignal): Promise<boolean> {
  if (stopped.aborted) return false;
  const { end, launch } = store.read(attempt);
  if (end === undefined) return false;
  if (launch?.remote === undefined || store.isMarked(attempt, "swept")) return true;
  const removed = await placeOf(launch.container).hand.remove(launch.remote, stopped);
  if (removed.ok) store.mark(attempt, "swept");
  // A container that is gone took it along; of one that is stopped it is removed when it runs again.
  else log.debug("what is left of an attempt there cannot be removed yet", { attempt, why: removed.error.detail });
  return removed.ok;
}
