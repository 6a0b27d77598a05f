/** Tasks of a remote host: kept and told of here as those of this machine are, and run there. */
import { readFileSync, statfsSync } from "node:fs";
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { MaestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import { BUILTIN } from "../adapters/builtin.ts";
import { readOutcome } from "../adapters/headless.ts";
import type { Clock } from "../daemon/clock.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import { isAdapter } from "../tasks/adapter-name.ts";
import { because } from "../tasks/attempt-state.ts";
import { AttemptStore } from "../tasks/attempt-store.ts";
import { Attempts } from "../tasks/attempts.ts";
import type { ImageSource } from "../tasks/image-source.ts";
import { recall } from "../tasks/forwarding.ts";
import { linkedTasks } from "../tasks/linked-tasks.ts";
import type { LiveDeps } from "../tasks/live-attempt.ts";
import { LogShipper } from "../tasks/log-shipper.ts";
import { unseal } from "../tasks/unseal.ts";
import { createElsewhere } from "./elsewhere.ts";
import { Follower } from "./follower.ts";
import type { Hand } from "./hand.ts";
import type { IsolatedEngine } from "./isolated-engine.ts";
import { isolatedType } from "./isolated-type.ts";
import { createIsolated, type IsolatingTasks } from "./isolated-work.ts";
import type { Place, Places } from "./place.ts";
import { judgeRemote } from "./remote-judge.ts";
import { refuseIsolatedRemote, refuseRemote, workspaceOf, type RemotePlanDeps } from "./remote-plan.ts";

export interface RemoteTasksDeps {
  attemptsDir: string;
  bootId: string;
  clock: Clock;
  timeScale: number;
  log: Log;
  hand: Hand;
  /** Containers are made there for workspaces. */
  engine: IsolatedEngine;
  /** Those of them that open sessions are in. */
  sessions(): ReadonlySet<string>;
  /** Containers there. */
  places: Places;
  /** As the last look at the machine says. */
  plan(): RemotePlanDeps;
  sealing: KeyPair;
  images: ImageSource;
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

export function createRemoteTasks(deps: RemoteTasksDeps): IsolatingTasks {
  const { clock, timeScale, log, hand, bootId, logLimitBytes, offsetMs, passed, signal } = deps;
  const store = new AttemptStore(deps.attemptsDir, passed);
  const logs: LogShipper = new LogShipper({ clock, log, shipped: (attempt) => attempts.shipped(attempt) });
  const main: Place = { hand, follower: new Follower({ hand, clock, timeScale, log }), look: async () => ok(deps.plan()) };
  const outcome: LiveDeps["outcome"] = async (spec, adapter, file, exit) => {
    if (!isAdapter(adapter)) return {};
    const type = spec.agent === undefined ? undefined : deps.plan().catalogue.resolve(spec.agent.type, spec.agent.definition);
    return readOutcome(BUILTIN[adapter], { stdoutFile: file, type: type?.ok === true ? type.value : undefined }, exit);
  };
  const living: LiveDeps = { store, clock, timeScale, log, logs, outcome, logLimitBytes, offsetMs };
  const placeOf = (container: string | undefined): Place => (container === undefined ? main : deps.places.container(container));
  const isolated = createIsolated({
    engine: deps.engine,
    store,
    sessions: () => deps.sessions(),
    places: deps.places,
    clock,
    timeScale,
    log,
    signal,
    catalogue: () => deps.plan().catalogue,
    async prepare(spec, _type, _log, wanted) {
      const { record, facts } = deps.plan();
      const where = workspaceOf(spec, record, facts);
      if (!where.ok) return where;
      const made = await hand.ensure(where.value.workspace, wanted);
      return made.ok ? ok({ ...where.value, workspace: made.value.path }) : err({ ...made.error, field: "workspace" });
    },
    async removeWorkspace({ workspace, kind }) {
      if (kind !== "default") return { outcome: "kept", detail: `'${workspace}' was given with the task, and stays.` };
      const cleared = await hand.clear(workspace, signal);
      return cleared.ok ? cleared.value : { outcome: "kept", detail: cleared.error.detail };
    },
  });
  const elsewhere = createElsewhere({ ...living, bootId, passed, signal, placeOf, isolated });
  const refuse = (spec: AttemptSpec): MaestroError | undefined => {
    const type = isolatedType(spec, deps.plan().catalogue);
    if (!type.ok) return type.error;
    if (type.value !== undefined) return refuseIsolatedRemote(spec, type.value, deps.plan());
    // What a container has is seen when it is asked.
    return spec.container === undefined ? refuseRemote(spec, deps.plan()) : undefined;
  };
  const attempts: Attempts = new Attempts({
    ...living,
    logs,
    bootId,
    // No shell of this machine is got ready.
    runner: "",
    shells: () => [],
    judge: judgeRemote,
    live: (following, stopped) => elsewhere.live(following, stopped),
    launcher: () => elsewhere.launch,
    refuse,
    foresee: () => undefined,
    plan: (spec, sealed, file, files, cancelled) => elsewhere.plan(spec, sealed, file, files, cancelled),
    images: { source: deps.images, clock, timeScale },
    unseal: (sealed, attempt, fence) => unseal(sealed, deps.sealing, attempt, fence),
    refuseRemoval: (note, attempt) => isolated.refuseRemoval(note, attempt),
    removeWorkspace: (note, spec) => elsewhere.removeWorkspace(note, spec),
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
    isolated,
    seen() {
      tasks.seen();
      main.follower.seen();
      deps.places.seen();
    },
    async run(stopped) {
      await Promise.all([
        tasks.run(stopped),
        main.follower.run(stopped),
        deps.places.run(stopped),
        elsewhere.sweep(stopped),
        isolated.run(stopped),
      ]);
    },
  };
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
