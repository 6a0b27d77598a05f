/** Tasks, targets and attempts as the API shows them. */
import { shownRepository } from "@maestro/shared/contract/repository";
import type { Attempt as AttemptView, Task, TaskDetail, TaskTarget, Usage } from "@maestro/shared/contract/tasks";
import { budgetView } from "./budget.ts";
import { attemptOf, type Attempt, type EndedAttempt, type Load, type Target, type TaskCore } from "./model.ts";
import { targetStatus, taskStatus } from "./status.ts";
import type { TaskSpec } from "./submission.ts";
import { knownHostOf } from "./telling.ts";
import { waitingOf, type Scene } from "./waiting.ts";

/** A task with all that its row says of it. */
export interface WholeTask {
  core: TaskCore;
  spec: TaskSpec;
  /** In lists only its beginning. */
  prompt: string | null;
  /** Long results, by attempt. */
  results: ReadonlyMap<string, string>;
}

export const LISTED_PROMPT_CHARS = 200;

const time = (ms: number): string => new Date(ms).toISOString();

/** @param statusOf of another task: how it stands now. */
export function taskView(whole: WholeTask, scene: Scene, statusOf: (key: string) => Task["status"] | undefined): Task {
  const { core, spec, prompt } = whole;
  const { body } = spec;
  const targets = core.targets.map((target) => targetView(whole, target, scene));
  const status = taskStatus(core, scene);
  const only = targets.length === 1 ? targets[0] : undefined;
  const spoken = targets.find((target) => target.status === status) ?? targets.find(({ reason }) => reason !== undefined);
  const waiting = targets.find((target) => target.waiting !== undefined)?.waiting;
  const exitCode = exitCodeOf(targets);
  const usage = sumOf(targets.map((target) => target.usage));
  return {
    id: core.id,
    status,
    ...given("reason", spoken?.reason),
    ...given("waiting", waiting),
    ...(prompt === null ? {} : { prompt }),
    ...given("command", body.command),
    ...given("images", body.images),
    ...given("description", body.description),
    priority: core.priority,
    labels: body.labels ?? {},
    createdAt: time(core.createdMs),
    createdBy: core.createdBy,
    ...given("startedAt", core.startedMs === undefined ? undefined : time(core.startedMs)),
    ...given("finishedAt", core.finishedMs === undefined ? undefined : time(core.finishedMs)),
    timeoutMs: core.timeoutMs,
    retries: core.retries,
    idempotent: core.idempotent,
    onLost: core.onLost,
    dependsOn: core.dependsOn.map(({ task, key, on, status: ended }) => ({ task, on, ...given("status", ended ?? statusOf(key)) })),
    ...given("parent", core.parent?.task),
    ...given("model", body.model),
    ...given("mode", body.mode),
    env: Object.keys(body.env ?? {}),
    secrets: body.secrets ?? [],
    ...(body.forwardAgent === true ? { forwardAgent: true } : {}),
    trace: body.trace ?? false,
    ...given("workspace", body.workspace),
    ...given("repository", body.repository === undefined ? undefined : shownRepository(body.repository)),
    ...given("cwd", body.cwd),
    ...given("container", body.container),
    ...given("group", core.group),
    ...given("budget", budgetView(core)),
    ...given(
      "cancel",
      core.cancel === undefined ? undefined : { at: time(core.cancel.atMs), by: core.cancel.by, reason: core.cancel.reason },
    ),
    ...given("exitCode", exitCode),
    ...given("result", only?.result),
    ...given("usage", usage),
    targets,
  };
}

/** @param loadOf an attempt that runs, as its host said last. */
export function taskDetail(
  whole: WholeTask,
  scene: Scene,
  statusOf: (key: string) => Task["status"] | undefined,
  loadOf: (attempt: Attempt) => Load | undefined,
): TaskDetail {
  const attempts = whole.core.targets.flatMap((target, index) => {
    const now = attemptOf(target);
    return [
      ...target.past.map((past) => endedView(whole.core, index, target, past)),
      ...(now === undefined ? [] : [liveView(whole.core, index, target, now, targetStatus(whole.core, target, scene), loadOf(now))]),
    ];
  });
  return { ...taskView(whole, scene, statusOf), attempts: attempts.sort((a, b) => a.fence - b.fence) };
}

function targetView({ core, results }: WholeTask, target: Target, scene: Scene): TaskTarget {
  const { agent, phase, past } = target;
  const now = attemptOf(target);
  const last = past.at(-1);
  // While it is tried again, how the one before ended is no longer how it stands.
  const ended = phase.at === "ended" ? last : undefined;
  return {
    ...given("agent", agent),
    ...given("host", knownHostOf(target, scene.hosts)),
    status: targetStatus(core, target, scene),
    ...given("reason", phase.at === "ended" ? phase.reason : undefined),
    ...given("waiting", waitingOf(core, target, scene)),
    ...given("exitCode", ended?.exitCode),
    ...given("result", ended === undefined ? undefined : (ended.result ?? results.get(ended.id))),
    ...given("usage", sumOf(past.map(({ usage }) => usage))),
    attempts: past.length + (now === undefined ? 0 : 1),
    ...given("attempt", (now ?? last)?.id),
  };
}

function attemptView(
  { id: task }: TaskCore,
  index: number,
  { agent }: Target,
  { id, n, fence, host, createdMs, startedMs, workspace }: Attempt,
  status: AttemptView["status"],
): AttemptView {
  return {
    id,
    task,
    target: index,
    n,
    fence,
    host: { id: host.id, name: host.name },
    ...given("agent", agent === undefined ? undefined : { id: agent.id, name: agent.name }),
    status,
    createdAt: time(createdMs),
    ...given("startedAt", startedMs === undefined ? undefined : time(startedMs)),
    ...given("workspace", workspace),
  };
}

/** Of one that may not run any more nobody knows what it takes. */
function liveView(
  core: TaskCore,
  index: number,
  target: Target,
  now: Attempt,
  status: AttemptView["status"],
  load: Load | undefined,
): AttemptView {
  const view = attemptView(core, index, target, now, status);
  if (load === undefined || (status !== "running" && status !== "cancelling")) return view;
  const { cpu, memoryBytes, atMs } = load;
  return { ...view, load: { cpu, memoryBytes, at: time(atMs) } };
}

function endedView(core: TaskCore, index: number, target: Target, past: EndedAttempt): AttemptView {
  const { outcome, reason, exitCode, signal, finishedMs, session, branch, usage, log } = past;
  return {
    ...attemptView(core, index, target, past, outcome),
    ...given("reason", reason),
    ...given("exitCode", exitCode),
    ...given("signal", signal),
    finishedAt: time(finishedMs),
    ...given("session", session),
    ...given("branch", branch),
    ...given("usage", usage),
    // What of it is stored is known where it is stored; here is what the host said it is.
    ...given("log", log === undefined ? undefined : { ...log, complete: true }),
  };
}

/** The first that is not zero, in the order of the targets; 0 when all are. */
function exitCodeOf(targets: readonly TaskTarget[]): number | undefined {
  const codes = targets.map(({ exitCode }) => exitCode);
  return codes.find((code) => code !== undefined && code !== 0) ?? (codes.every((code) => code === 0) ? 0 : undefined);
}

function sumOf(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const sum: Record<string, number> = {};
  for (const usage of usages)
    for (const [name, value] of Object.entries(usage ?? {})) {
      if (value === undefined) continue;
      const before = sum[name] ?? 0;
      sum[name] = name === "peakMemoryBytes" ? Math.max(before, value) : before + value;
    }
  return Object.keys(sum).length === 0 ? undefined : sum;
}

/** Absent rather than undefined: so it is in JSON. */
function given<K extends string, T>(name: K, value: T | undefined): { [N in K]?: T } {
  const one: { [N in K]?: T } = {};
  if (value !== undefined) one[name] = value;
  return one;
}
