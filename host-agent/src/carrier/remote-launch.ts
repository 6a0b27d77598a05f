/** Gives an attempt to a runner on another machine. What is asked there twice runs once, so it is asked until there is an answer. */
import { ERRORS } from "@maestro/shared/errors";
import { ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { Launch, Launched } from "../tasks/attempt-starts.ts";
import { RUNNER_GRACE_MS } from "../tasks/attempt-ends.ts";
import { because } from "../tasks/attempt-state.ts";
import { readImage, type ImageFiles } from "../tasks/attempt-images.ts";
import type { LiveDeps } from "../tasks/live-attempt.ts";
import { knownSecrets } from "../tasks/log-file.ts";
import { reasonOf } from "../tasks/reasons.ts";
import { orderText, refuseOrders, type Orders } from "../tasks/runner.ts";
import type { Hand, RemoteFacts } from "./hand.ts";
import { Mirror } from "./mirror.ts";
import { patiently } from "./place.ts";
import { attemptDir } from "./remote-plan.ts";

export interface RemoteLaunchDeps extends Pick<LiveDeps, "store" | "logs" | "clock" | "timeScale" | "log" | "logLimitBytes"> {
  hand: Pick<Hand, "put" | "start" | "agents">;
  facts(): RemoteFacts;
  /** Of this machine's life, for the note. */
  bootId: string;
  passed(step: string): void;
  signal: AbortSignal;
}

const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 15_000;
const SHOW_TRIES = 5;

export function remoteLaunch(deps: RemoteLaunchDeps): Launch {
  const { store, logs, clock, timeScale, log, hand, passed, signal } = deps;
  return async (entry, plan, _foreseen, cancelled): Promise<Launched> => {
    const { attempt, fence, spec } = entry;
    const facts = deps.facts();
    const { base, bootId } = facts;
    const { remote: name = attempt } = plan.note;
    const orders: Orders = {
      attempt,
      dir: attemptDir(facts, name),
      bootId,
      argv: plan.argv,
      env: spec.forwardAgent === true ? { ...plan.env, SSH_AUTH_SOCK: `${base}/agents/${name.slice(attempt.length + 1)}` } : plan.env,
      cwd: plan.cwd,
      timeoutMs: spec.timeoutMs,
      stopAfterMs: spec.stopAfterMs,
      graceMs: RUNNER_GRACE_MS,
      logLimitBytes: deps.logLimitBytes,
      limits: plan.limits,
    };
    const refusal = refuseOrders(orders);
    if (refusal !== undefined) return { type: "refused", reason: reasonOf(refusal) };
    store.noteLaunch(attempt, { ...plan.note, bootId: deps.bootId }, undefined);
    // From here on it may have begun.
    await store.keepLaunch(attempt);
    const mirror = new Mirror(store.paths(attempt), deps.logLimitBytes);
    mirror.begin();
    passed("noted");
    logs.open(attempt, fence, store.paths(attempt).log, knownSecrets(plan.secrets));
    const begun: Launched = { type: "begun", standing: { type: "running", runner: { pid: 0, started: "", bootId } }, own: undefined };
    const order = {
      name,
      cwd: plan.cwd,
      // Of one that was made for the workspace what is inside is nowhere to be found outside.
      link: plan.note.kind === "default" && plan.note.isolated !== true ? `${plan.note.workspace}/agent.log` : undefined,
      prompt: plan.stdin === undefined ? undefined : Buffer.from(plan.stdin),
      orders: orderText(orders),
    };
    const preparing: RemoteLaunchDeps = { ...deps, signal: AbortSignal.any([signal, cancelled]) };
    if (spec.forwardAgent === true) {
      const shown = await showAgent(name, preparing);
      if (!shown.ok) return { type: "refused", reason: reasonOf(shown.error) };
    }
    const put = await putImages(name, plan.images, store.paths(attempt).dir, preparing);
    if (!put.ok || cancelled.aborted) {
      hand.agents.hide(name);
      return { type: "refused", reason: put.ok ? because("cancelled", "Cancelled before it was started.") : reasonOf(put.error) };
    }
    for (let failures = 0; ; failures++) {
      const started = await hand.start(order, signal);
      if (started.ok) {
        passed("started");
        switch (started.value.type) {
          case "running":
            if (started.value.child !== undefined) mirror.child(started.value.child);
            return begun;
          case "ended":
            return begun;
          case "refused":
            hand.agents.hide(name);
            return { type: "refused", reason: reasonOf(started.value.error) };
        }
      }
      // Nothing of it came there; had it come there before, it would have ended with the container.
      if (started.error.code === "container_not_running")
        return failures === 0 ? { type: "refused", reason: reasonOf(started.error) } : begun;
      log.info("whether a remote attempt was started is not known; it is asked again", { attempt, why: started.error.detail });
      // Following it finds out as well, and makes sure that it does not begin later.
      if (preparing.signal.aborted) return begun;
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 4)) * timeScale, preparing.signal);
      if (preparing.signal.aborted) return begun;
    }
  };
}

/** Nothing is begun yet, and one that is there already is as good. @param dir of the attempt, here. */
async function putImages(name: string, images: ImageFiles, dir: string, deps: RemoteLaunchDeps): Promise<Result<void>> {
  for (const image of images) {
    const put = await patiently(
      () => deps.hand.put(name, image, readImage(dir, image), deps.signal),
      deps,
      ({ code }) => !ERRORS[code].retryable,
    );
    if (!put.ok) return put;
  }
  return ok(undefined);
}

/** Nothing is begun yet, so that a line that breaks needs to be no reason to fail. */
async function showAgent(name: string, { hand, clock, timeScale, signal }: RemoteLaunchDeps): Promise<Result<void>> {
  for (let tries = 1; ; tries++) {
    const shown = await hand.agents.show(name, signal);
    if (shown.ok || !ERRORS[shown.error.code].retryable || tries === SHOW_TRIES || signal.aborted) return shown;
    await pause(clock, AGAIN_MS * 2 ** tries * timeScale, signal);
  }
}
