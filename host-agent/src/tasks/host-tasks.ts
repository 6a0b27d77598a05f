/** What the link asks of this host's tasks and their logs, on the real files and processes. */
import { readFileSync, statfsSync } from "node:fs";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { BUILTIN } from "../adapters/builtin.ts";
import { readOutcome } from "../adapters/headless.ts";
import type { Clock } from "../daemon/clock.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import { isAdapter } from "./adapter-name.ts";
import { AttemptStore } from "./attempt-store.ts";
import { judge } from "./attempt-state.ts";
import { Attempts } from "./attempts.ts";
import { recall } from "./forwarding.ts";
import { linkedTasks, type RunningTasks } from "./linked-tasks.ts";
import { LiveAttempt, type LiveDeps } from "./live-attempt.ts";
import { localBody } from "./local-body.ts";
import { localLaunch } from "./local-launch.ts";
import { LogShipper } from "./log-shipper.ts";
import { installRunner } from "./runner.ts";
import { readScopeFacts, runnerShells } from "./scope.ts";
import { unseal } from "./unseal.ts";
import { foreseeWork, planWork, refuseWork, type WorkPlanDeps } from "./work-plan.ts";
import { removeWorkspace } from "./workspaces.ts";

export interface HostTasksDeps {
  attemptsDir: string;
  runnerDir: string;
  bootId: string;
  clock: Clock;
  timeScale: number;
  log: Log;
  work: WorkPlanDeps;
  sealing(): KeyPair;
  maxConcurrent: number;
  minFreeBytes: number;
  logLimitBytes: number;
  draining(): boolean;
  offsetMs(): number;
  send(frame: HostFrame): void;
  /** Named between every two effects; nothing hangs on it here, tests end the process there [F2]. */
  passed(step: string): void;
}

export function createHostTasks(deps: HostTasksDeps): RunningTasks {
  const { clock, timeScale, log, work, bootId, attemptsDir, logLimitBytes, offsetMs, passed } = deps;
  const store = new AttemptStore(attemptsDir, passed);
  const logs: LogShipper = new LogShipper({ clock, log, shipped: (attempt) => attempts.shipped(attempt) });
  const runner = installRunner(deps.runnerDir, log);
  const shells = (attempt: string) =>
    runnerShells(
      readScopeFacts(() => work.baseEnv()["PATH"] ?? "", process.env),
      attempt,
    );
  const outcome: LiveDeps["outcome"] = async (spec, adapter, file, exit) => {
    if (!isAdapter(adapter)) return {};
    const type = spec.agent === undefined ? undefined : work.catalogue.resolve(spec.agent.type, spec.agent.definition);
    return readOutcome(BUILTIN[adapter], { stdoutFile: file, type: type?.ok === true ? type.value : undefined }, exit);
  };
  const living: LiveDeps = { store, clock, timeScale, log, logs, outcome, logLimitBytes, offsetMs };
  const attempts: Attempts = new Attempts({
    ...living,
    logs,
    bootId,
    runner,
    shells,
    judge: (files) => judge(files, { bootId, wallMs: clock.wallMs() }),
    live: (following, stopped) =>
      new LiveAttempt(living, following, localBody(following.spec.attempt, following.runner, { store, clock, log }, stopped), stopped),
    launcher: (parts) => localLaunch({ store, logs, bootId, runner, shells, logLimitBytes, passed, uptimeCs: readUptimeCs }, parts),
    refuse: (spec) => refuseWork(spec, work),
    foresee: (spec) => foreseeWork(spec, work),
    plan: (spec, sealed, file) => planWork(spec, sealed, file, work),
    unseal: (sealed, attempt, fence) => unseal(sealed, deps.sealing(), attempt, fence),
    removeWorkspace: (note, spec) => removeWorkspace(note, spec, work.place),
    recall: (spec, child) => recall(spec, child === undefined ? "" : environOf(child), work.ownEnv),
    maxConcurrent: deps.maxConcurrent,
    draining: deps.draining,
    diskLow: () => diskLow([attemptsDir, work.place.root], deps.minFreeBytes),
    uptimeCs: readUptimeCs,
    send: deps.send,
    passed,
  });
  attempts.adopt();
  return linkedTasks(attempts, logs);
}

/** Of what exists of the ways there: a root that is still to be made counts by its parent. */
function diskLow(dirs: readonly string[], minFreeBytes: number): string | undefined {
  for (const dir of dirs) {
    const free = freeBytes(dir);
    if (free !== undefined && free < minFreeBytes)
      return `Only ${Math.floor(free / 1024)} KiB are free at '${dir}'; ${Math.ceil(minFreeBytes / 1024)} KiB are wanted before work is taken.`;
  }
  return undefined;
}

function freeBytes(dir: string): number | undefined {
  for (let at = dir; ; at = at.slice(0, Math.max(1, at.lastIndexOf("/")))) {
    try {
      const { bavail, bsize } = statfsSync(at);
      return bavail * bsize;
    } catch {
      if (at === "/" || !at.startsWith("/")) return undefined;
    }
  }
}

/** Centiseconds since boot, as the runner counts them; without /proc, of the calendar, as it does. */
function readUptimeCs(): number {
  try {
    return Math.floor(Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 100);
  } catch {
    return Math.floor(Date.now() / 10);
  }
}

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}
