/** What the link asks of this host's tasks and their logs, on the real files and processes. */
import { readFileSync, statfsSync } from "node:fs";
import type { MaestroError } from "@maestro/shared/errors";
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { BUILTIN } from "../adapters/builtin.ts";
import { readOutcome } from "../adapters/headless.ts";
import { containerShell } from "../carrier/container-shell.ts";
import { createElsewhere } from "../carrier/elsewhere.ts";
import { IsolatedEngine } from "../carrier/isolated-engine.ts";
import { isolatedType } from "../carrier/isolated-type.ts";
import { createIsolated, type IsolatingTasks } from "../carrier/isolated-work.ts";
import { Places } from "../carrier/place.ts";
import { engineEnv, processShell } from "../carrier/process-shell.ts";
import { notThere } from "../carrier/shown-agents.ts";
import { judgeRemote } from "../carrier/remote-judge.ts";
import type { Clock } from "../daemon/clock.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import { refuseAgent, refuseSession } from "../daemon/shell-policy.ts";
import { REMOTE_PATH } from "../transports/ssh/remote-path.ts";
import { isAdapter } from "./adapter-name.ts";
import { AttemptStore } from "./attempt-store.ts";
import { judge } from "./attempt-state.ts";
import { Attempts } from "./attempts.ts";
import { recall, refuseNames } from "./forwarding.ts";
import type { ImageSource } from "./image-source.ts";
import { linkedTasks } from "./linked-tasks.ts";
import { LiveAttempt, type LiveDeps } from "./live-attempt.ts";
import { localBody } from "./local-body.ts";
import { localLaunch } from "./local-launch.ts";
import { LogShipper } from "./log-shipper.ts";
import { installRunner } from "./runner.ts";
import { readScopeFacts, runnerShells } from "./scope.ts";
import { unseal } from "./unseal.ts";
import { foreseeWork, planWork, refuseWork, type WorkPlanDeps } from "./work-plan.ts";
import { prepareContained, refuseContained, removeWorkspace } from "./workspaces.ts";

export interface HostTasksDeps {
  attemptsDir: string;
  runnerDir: string;
  bootId: string;
  clock: Clock;
  timeScale: number;
  log: Log;
  work: WorkPlanDeps;
  sealing(): KeyPair;
  images: ImageSource;
  maxConcurrent: number;
  minFreeBytes: number;
  logLimitBytes: number;
  draining(): boolean;
  offsetMs(): number;
  /** Containers that are made for workspaces: what they are labelled with, and where what is kept of them is. */
  isolation: { host: string; base: string };
  /** Those of them that open sessions are in. */
  sessions(): ReadonlySet<string>;
  /** Of agent types: those of a container are looked for in it. */
  typeDirs: readonly string[];
  /** The daemon goes. */
  signal: AbortSignal;
  send(frame: HostFrame): void;
  /** Named between every two effects; nothing hangs on it here, tests end the process there [F2]. */
  passed(step: string): void;
}

export function createHostTasks(deps: HostTasksDeps): IsolatingTasks {
  const { clock, timeScale, log, work, bootId, attemptsDir, logLimitBytes, offsetMs, passed } = deps;
  const store = new AttemptStore(attemptsDir, passed);
  const logs: LogShipper = new LogShipper({ clock, log, shipped: (attempt) => attempts.shipped(attempt) });
  const containerHost = processShell(() => ({ ...work.baseEnv(), ...engineEnv(work.ownEnv) }), clock);
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
  const places = new Places({
    shellOf: (container) => containerShell(containerHost, container),
    prelude: REMOTE_PATH,
    typeDirs: deps.typeDirs,
    policy: work.policy,
    ownEnv: work.ownEnv,
    record: { env: {} },
    clock,
    timeScale,
    log,
  });
  const isolated = createIsolated({
    engine: new IsolatedEngine({ shell: containerHost, ...deps.isolation }),
    store,
    sessions: () => deps.sessions(),
    places,
    clock,
    timeScale,
    log,
    signal: deps.signal,
    catalogue: () => work.catalogue,
    prepare: (spec, type, file) => prepareContained(spec, type.workspace_template, file, work.place),
    removeWorkspace: (note, spec) => removeWorkspace(note, spec, work.place),
  });
  const inContainers = createElsewhere({
    ...living,
    isolated,
    bootId,
    passed,
    signal: deps.signal,
    placeOf: (container) => places.container(container ?? ""),
  });
  const attempts: Attempts = new Attempts({
    ...living,
    logs,
    bootId,
    runner,
    shells,
    judge: (files) => (files.launch?.remote === undefined ? judge(files, { bootId, wallMs: clock.wallMs() }) : judgeRemote(files)),
    live: (following, stopped) =>
      following.launch.remote === undefined
        ? new LiveAttempt(living, following, localBody(following.spec.attempt, following.runner, { store, clock, log }, stopped), stopped)
        : inContainers.live(following, stopped),
    launcher(parts) {
      const here = localLaunch({ store, logs, bootId, runner, shells, logLimitBytes, passed, uptimeCs: readUptimeCs }, parts);
      return (entry, planned, ...more) => (planned.note.container === undefined ? here : inContainers.launch)(entry, planned, ...more);
    },
    refuse: (spec) => refuseForwardedHere(spec) ?? (isContained(spec, work) ? refuseInside(spec, work) : refuseWork(spec, work)),
    foresee: (spec) => (isContained(spec, work) ? undefined : foreseeWork(spec, work)),
    plan: (spec, sealed, file, files, cancelled) =>
      isContained(spec, work) ? inContainers.plan(spec, sealed, file, files, cancelled) : planWork(spec, sealed, file, files, work),
    images: { source: deps.images, clock, timeScale },
    unseal: (sealed, attempt, fence) => unseal(sealed, deps.sealing(), attempt, fence),
    refuseRemoval: (note, attempt) => isolated.refuseRemoval(note, attempt),
    removeWorkspace: (note, spec) =>
      note.remote === undefined ? removeWorkspace(note, spec, work.place) : inContainers.removeWorkspace(note, spec),
    recall: (spec, child) =>
      recall(spec, child === undefined || store.read(spec.attempt).launch?.remote !== undefined ? "" : environOf(child), work.ownEnv),
    maxConcurrent: deps.maxConcurrent,
    draining: deps.draining,
    diskLow: () => diskLow([attemptsDir, work.place.root], deps.minFreeBytes),
    uptimeCs: readUptimeCs,
    send: deps.send,
    passed,
  });
  attempts.adopt();
  const tasks = linkedTasks(attempts, logs);
  return {
    ...tasks,
    isolated,
    seen() {
      tasks.seen();
      places.seen();
    },
    async run(stopped) {
      await Promise.all([tasks.run(stopped), places.run(stopped), inContainers.sweep(stopped), isolated.run(stopped)]);
    },
  };
}

/** [DISP15] What runs here as this user has its agent, if it may: nothing is forwarded. */
const refuseForwardedHere = ({ forwardAgent }: AttemptSpec): MaestroError | undefined =>
  forwardAgent === true ? notThere("A linked host runs it itself: there is no other host whose ssh-agent could be forwarded.") : undefined;

/** `none`: as without it, on a host that is no container itself. What is wrong with its type is told where it is planned. */
function isContained(spec: AttemptSpec, { catalogue }: WorkPlanDeps): boolean {
  if (spec.container !== undefined && spec.container !== "none") return true;
  const type = isolatedType(spec, catalogue);
  return !type.ok || type.value !== undefined;
}

/** Of what is to run in a container: what that has is seen when it is started. */
function refuseInside(spec: AttemptSpec, { catalogue, policy, place }: WorkPlanDeps): MaestroError | undefined {
  const isolated = isolatedType(spec, catalogue);
  if (!isolated.ok) return isolated.error;
  const type = spec.agent === undefined ? undefined : catalogue.resolve(spec.agent.type, spec.agent.definition);
  if (type?.ok === false) return type.error;
  const refusal =
    type === undefined || spec.agent === undefined || spec.command !== undefined
      ? refuseSession(policy)
      : refuseAgent(policy, spec.agent, type.value);
  return refusal ?? refuseNames(spec, policy) ?? (isolated.value === undefined ? undefined : refuseContained(spec, place));
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
