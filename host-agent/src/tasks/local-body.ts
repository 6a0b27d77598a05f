/** The processes of an attempt on this machine. */
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { isAlive } from "../daemon/process-identity.ts";
import type { AttemptStore } from "./attempt-store.ts";
import { leftCgroups } from "./cgroup-places.ts";
import type { Body, RunnerOf } from "./live-attempt.ts";
import { killAll, membersOf, removeCgroups, terminate, type Belonging } from "./members.ts";

export interface BodyDeps {
  store: AttemptStore;
  clock: Clock;
  log: Log;
}

const LOOK_MS = 200;
/** Longer than a runner takes from naming itself to its child, however busy the machine. */
const BEGIN_MS = 10_000;
const BEGIN_LOOK_MS = 20;

/** @param signal the daemon goes; what runs goes on. */
export function localBody(attempt: string, runner: RunnerOf, { store, clock, log }: BodyDeps, signal: AbortSignal): Body {
  const belonging = (): Belonging => {
    // Of another boot, its pid and its session name whatever the machine started since.
    const rebooted = runner.type === "gone" && runner.why === "host_reboot";
    return { attempt, cgroups: store.cgroups(attempt), child: rebooted ? undefined : store.child(attempt) };
  };
  /** Before its child is known nobody is there to be ended: it would begin afterwards. */
  const untilBegun = async (): Promise<void> => {
    const untilMs = clock.monotonicMs() + BEGIN_MS;
    const isAtIt = () => runner.type !== "gone" && store.child(attempt) === undefined && isAlive(runner.identity);
    while (isAtIt() && clock.monotonicMs() < untilMs && !signal.aborted) await pause(clock, BEGIN_LOOK_MS, signal);
  };
  return {
    isGone: runner.type === "gone",
    isHeard: true,
    get pid() {
      return store.child(attempt)?.pid ?? (runner.type === "gone" ? 0 : runner.identity.pid);
    },
    async untilGone() {
      switch (runner.type) {
        case "gone":
          return runner.why;
        case "own":
          await Promise.race([runner.exited, aborted(signal)]);
          return "runner_died";
        case "adopted":
          while (!signal.aborted && isAlive(runner.identity)) await pause(clock, LOOK_MS, signal);
          return "runner_died";
      }
    },
    async stop(graceMs) {
      await untilBegun();
      const empty = await terminate(belonging(), graceMs, clock, signal);
      if (!empty && !signal.aborted) log.error("processes of an attempt cannot be ended", { attempt, left: membersOf(belonging()).length });
    },
    async empty() {
      const left = belonging();
      await killAll(left, clock, signal);
      // It may have been killed before it wrote down which they are.
      removeCgroups([...left.cgroups, ...leftCgroups(attempt)]);
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
