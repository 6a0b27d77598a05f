/** Gives an attempt to a runner on this machine, through the first shell that can run one. */
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { RUNNER_GRACE_MS } from "./attempt-ends.ts";
import { isUnbegun, type Launch, type Launched, type StartDeps, type StartParts } from "./attempt-starts.ts";
import { because } from "./attempt-state.ts";
import { knownSecrets } from "./log-file.ts";
import type { LiveDeps } from "./live-attempt.ts";
import { reasonOf } from "./reasons.ts";
import { startRunner, type Orders, type Ready, type RunnerShell } from "./runner.ts";
import { isScope } from "./scope.ts";
import type { WaitingDeps } from "./waiting-shells.ts";
import type { WorkPlan } from "./work-plan.ts";

export interface LaunchDeps
  extends Pick<StartDeps, "store" | "bootId" | "passed">, Pick<LiveDeps, "logs" | "logLimitBytes">, Pick<WaitingDeps, "runner" | "shells"> {
  uptimeCs(): number;
}

export function localLaunch(deps: LaunchDeps, { ends, waiting }: StartParts): Launch {
  const { store, logs, bootId, runner, shells, uptimeCs, passed } = deps;
  return async (entry, plan, foreseen): Promise<Launched> => {
    const { attempt, fence, spec } = entry;
    const note = { ...plan.note, bootId };
    store.noteLaunch(attempt, note, plan.stdin);
    const noted = foreseen ?? store.noteBegun(attempt, note);
    noted.catch(() => {});
    if (spec.stopAfterMs !== undefined) store.touchLease(attempt, uptimeCs());
    let refusal = because("spawn_failed", "The runner could not be started on this host.");
    for (const { shell, shellAhead } of runners(attempt, shells(attempt))) {
      const ready = async (): Promise<Ready | undefined> => {
        const taken = isScope(shell) ? undefined : waiting.takeReady(attempt, plan.limits);
        await noted;
        return taken;
      };
      const started = await startRunner(runner, orders(spec, plan), shell, ready, shellAhead);
      passed("spawned");
      if (!started.ok) {
        refusal = reasonOf(started.error);
        continue;
      }
      const child = await started.value.child;
      passed("started");
      if (child === undefined) await started.value.exited;
      else logs.open(attempt, fence, store.paths(attempt).log, knownSecrets(plan.secrets));
      const standing = await ends.settled(attempt);
      // It went before it made itself known: nothing was begun, and the next shell may do better.
      if (isUnbegun(standing)) continue;
      return { type: "begun", standing, own: { exited: started.value.exited, pid: started.value.pid } };
    }
    return { type: "refused", reason: refusal };
  };

  /** The one that waits first: should it be gone, another one is begun. */
  function runners(attempt: string, argvs: readonly (readonly string[])[]): { shell: readonly string[]; shellAhead?: RunnerShell }[] {
    const ahead = waiting.take(attempt);
    const [first] = argvs;
    return [
      ...(ahead === undefined || first === undefined ? [] : [{ shell: first, shellAhead: ahead }]),
      ...argvs.map((shell) => ({ shell })),
    ];
  }

  function orders({ attempt, timeoutMs, stopAfterMs }: AttemptSpec, { argv, env, cwd, limits }: WorkPlan): Orders {
    const { dir } = store.paths(attempt);
    return {
      attempt,
      dir,
      bootId,
      argv,
      env,
      cwd,
      timeoutMs,
      stopAfterMs,
      graceMs: RUNNER_GRACE_MS,
      logLimitBytes: deps.logLimitBytes,
      limits,
    };
  }
}
