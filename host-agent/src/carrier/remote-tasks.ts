/** Tasks of a remote host: kept and told of here as those of this machine are, and run there. */
import { readFileSync, statfsSync } from "node:fs";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { ok, type Result } from "@maestro/shared/result";
import { BUILTIN } from "../adapters/builtin.ts";
import { readOutcome } from "../adapters/headless.ts";
import { pause, type Clock } from "../daemon/clock.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import { isAdapter } from "../tasks/adapter-name.ts";
import type { AttemptFiles } from "../tasks/attempt-files.ts";
import { because, type Standing } from "../tasks/attempt-state.ts";
import { AttemptStore } from "../tasks/attempt-store.ts";
import { Attempts } from "../tasks/attempts.ts";
import { recall } from "../tasks/forwarding.ts";
import { linkedTasks, type RunningTasks } from "../tasks/linked-tasks.ts";
import { LiveAttempt, type LiveDeps } from "../tasks/live-attempt.ts";
import { LogShipper } from "../tasks/log-shipper.ts";
import { unseal } from "../tasks/unseal.ts";
import { Follower } from "./follower.ts";
import type { Hand } from "./hand.ts";
import { remoteBody } from "./remote-body.ts";
import { remoteLaunch } from "./remote-launch.ts";
import { planRemote, refuseRemote, type RemotePlanDeps } from "./remote-plan.ts";

export interface RemoteTasksDeps {
  attemptsDir: string;
  bootId: string;
  clock: Clock;
  timeScale: number;
  log: Log;
  hand: Hand;
  /** As the last look at the machine says. */
  plan(): RemotePlanDeps;
  sealing: KeyPair;
  maxConcurrent: number;
  /** Here, for the logs. */
  minFreeBytes: number;
  logLimitBytes: number;
  draining(): boolean;
  offsetMs(): number;
  send(frame: HostFrame): void;
  /** Named between every two effects; nothing hangs on it here, tests end the process there. */
  passed(step: string): void;
  signal: AbortSignal;
}

const SWEEP_MS = 5_000;

export function createRemoteTasks(deps: RemoteTasksDeps): RunningTasks {
  const { clock, timeScale, log, hand, bootId, logLimitBytes, offsetMs, passed, signal } = deps;
  const store = new AttemptStore(deps.attemptsDir, passed);
  const logs: LogShipper = new LogShipper({ clock, log, shipped: (attempt) => attempts.shipped(attempt) });
  const follower = new Follower({ hand, clock, timeScale, log });
  const outcome: LiveDeps["outcome"] = async (spec, adapter, file, exit) => {
    if (!isAdapter(adapter)) return {};
    const type = spec.agent === undefined ? undefined : deps.plan().catalogue.resolve(spec.agent.type, spec.agent.definition);
    return readOutcome(BUILTIN[adapter], { stdoutFile: file, type: type?.ok === true ? type.value : undefined }, exit);
  };
  const living: LiveDeps = { store, clock, timeScale, log, logs, outcome, logLimitBytes, offsetMs };
  const attempts: Attempts = new Attempts({
    ...living,
    logs,
    bootId,
    // No shell of this machine is got ready.
    runner: "",
    shells: () => [],
    judge: judgeRemote,
    live(following, stopped) {
      const { launch, spec } = following;
      const body = remoteBody(spec.attempt, launch.remote ?? spec.attempt, { store, hand, follower, clock, timeScale, log }, stopped);
      return new LiveAttempt(living, following, body, stopped);
    },
    launcher: () =>
      remoteLaunch({ store, logs, clock, timeScale, log, logLimitBytes, hand, bootId, passed, signal, facts: () => deps.plan().facts }),
    refuse: (spec) => refuseRemote(spec, deps.plan()),
    foresee: () => undefined,
    plan: async (spec, sealed) => planRemote(spec, sealed, deps.plan()),
    unseal: (sealed, attempt, fence) => unseal(sealed, deps.sealing, attempt, fence),
    async removeWorkspace({ workspace, kind }) {
      if (kind !== "default")
        return { outcome: "kept", detail: `'${workspace}' was given with the task, not made for it: it may hold other work, and stays.` };
      const cleared = await hand.clear(workspace, signal);
      return cleared.ok ? cleared.value : { outcome: "kept", detail: cleared.error.detail };
    },
    // Its environment is not to be seen from here.
    recall: (spec) => recall(spec, "", deps.plan().ownEnv),
    maxConcurrent: deps.maxConcurrent,
    draining: deps.draining,
    diskLow: () => diskLow(deps.attemptsDir, deps.minFreeBytes),
    uptimeCs: readUptimeCs,
    send: deps.send,
    passed,
  });
  attempts.adopt();
  const tasks = linkedTasks(attempts, logs);
  return {
    ...tasks,
    seen() {
      tasks.seen();
      follower.seen();
    },
    async run(stopped) {
      await Promise.all([tasks.run(stopped), follower.run(stopped), sweep(store, hand, { clock, timeScale, log }, stopped)]);
    },
  };
}

/** Whether its runner lives is asked there; here is only what came of it. */
export function judgeRemote({ intent, spec, end, exit, launch }: AttemptFiles): Standing {
  if (intent === undefined || spec === undefined) return { type: "void" };
  if (end !== undefined) return { type: "ended", end };
  if (exit !== undefined) return { type: "exited", exit };
  return launch?.remote === undefined ? { type: "accepted" } : { type: "running", runner: { pid: 0, started: "", bootId: "elsewhere" } };
}

/** Once an end is on disk here, nothing of the attempt stays there: its log may hold what was blotted out of this one. */
async function sweep(
  store: AttemptStore,
  hand: Pick<Hand, "remove">,
  { clock, timeScale, log }: Pick<RemoteTasksDeps, "clock" | "timeScale" | "log">,
  signal: AbortSignal,
): Promise<void> {
  const swept = new Set<string>();
  while (!signal.aborted) {
    for (const attempt of store.list()) {
      if (swept.has(attempt) || signal.aborted) continue;
      const { end, launch, swept: done } = { ...store.read(attempt), swept: store.isMarked(attempt, "swept") };
      if (end === undefined) continue;
      const removed: Result<void> = done || launch?.remote === undefined ? ok(undefined) : await hand.remove(launch.remote, signal);
      if (!removed.ok) {
        log.debug("what is left of an attempt there cannot be removed yet", { attempt, why: removed.error.detail });
        break;
      }
      if (!done) store.mark(attempt, "swept");
      swept.add(attempt);
    }
    await pause(clock, SWEEP_MS * timeScale, signal);
  }
}

function diskLow(dir: string, minFreeBytes: number): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(dir);
    const free = bavail * bsize;
    return free < minFreeBytes
      ? because("disk_low", `Only ${Math.floor(free / 1024)} KiB are free at '${dir}', where logs are kept.`).detail
      : undefined;
  } catch {
    return undefined;
  }
}

function readUptimeCs(): number {
  try {
    return Math.floor(Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 100);
  } catch {
    return Math.floor(Date.now() / 10);
  }
}
