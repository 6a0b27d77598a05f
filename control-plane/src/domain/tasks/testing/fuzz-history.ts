/** One random history of a fleet, and what has to be true of it in the end. */
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { resolveDependencies } from "../dependencies.ts";
import { isEnded, type Target, type TaskCore } from "../model.ts";
import { overall } from "../status.ts";
import type { FuzzHost } from "./fuzz-host.ts";
import type { Fault } from "./fuzz-faults.ts";
import { seeded, Violation } from "./fuzz-program.ts";
import { FuzzWorld } from "./fuzz-world.ts";

const ACTIONS = 25;
const MINUTE = 60_000;

export interface Totals {
  tasks: number;
  runs: number;
  again: number;
  lost: number;
  cancelled: number;
  wakes: number;
  aways: number;
  evidence: number;
  duplicates: number;
}

export function history(seed: number, fault?: Fault): Totals {
  const random = seeded(seed);
  const world = new FuzzWorld(random, 2 + Math.floor(random() * 3), fault);
  for (const host of world.hosts) world.dial(host);
  for (let i = 0; i < ACTIONS; i++) {
    act(world);
    world.run(Math.floor(random() < 0.5 ? random() * 2_000 : random() * 4 * MINUTE));
  }
  world.settle();
  const tasks = [...world.rows.keys()].map((key) => world.core(key));
  for (const task of tasks) check(world, task);
  return {
    tasks: tasks.length,
    runs: world.ledger.runs.length,
    again: tasks.reduce((sum, { targets }) => sum + targets.reduce((more, { past }) => more + Math.max(0, past.length - 1), 0), 0),
    lost: tasks.filter(({ targets }) => overall(targets) === "lost").length,
    cancelled: world.cancelled.size,
    wakes: world.wakes,
    aways: world.aways,
    evidence: world.evidence,
    duplicates: world.duplicates,
  };
}

function act(world: FuzzWorld): void {
  const dice = world.random();
  const host = world.hosts[world.int(world.hosts.length)];
  if (host === undefined) return;
  if (dice < 0.4) submit(world);
  else if (dice < 0.48) cancelOne(world);
  else if (dice < 0.58) leave(world, host);
  else if (dice < 0.66) freeze(world, host);
  else if (dice < 0.7) restart(world, host, () => host.reboot());
  else if (dice < 0.72) restart(world, host, () => host.wipe());
  else if (dice < 0.8) world.wake();
  else if (dice < 0.82) world.away(Math.floor((4 + world.random() * 60) * MINUTE));
  else if (dice < 0.85) copy(world, host);
  else lie(world, host);
}

function submit(world: FuzzWorld): void {
  const { nowMs } = world;
  const key = `t${world.rows.size}`;
  const pick = <T>(...items: T[]): T | undefined => items[world.int(items.length)];
  const idempotent = world.random() < 0.4;
  const onLost = pick("wait", "fail", ...(idempotent ? (["retry", "retry"] as const) : [])) ?? "wait";
  world.plans.set(key, {
    durationMs: Math.floor(world.random() < 0.6 ? world.random() * 5_000 : world.random() * 20 * MINUTE),
    exitCode: pick(0, 0, 0, 3) ?? 0,
  });
  const others = [...world.rows.keys()].filter(() => world.random() < 0.1).slice(0, 3);
  const dependsOn = resolveDependencies(
    key,
    others.map((task) => ({ task, on: pick("success", "completion", "failure") ?? "success" })),
    "run",
    (ref) => ({ ok: true, value: known(world.core(ref)) }),
    (other) => known(world.core(other)),
  );
  if (!dependsOn.ok) throw new Error(dependsOn.error.detail);
  const targets = Array.from({ length: world.random() < 0.2 ? 2 : 1 }, (): Target => {
    const on = world.hosts[world.int(world.hosts.length)]?.id ?? "";
    const phase = { at: "pending", sinceMs: nowMs } as const;
    const agent = { id: `agt_${on}_${world.int(2)}`, name: "a", type: "shell" };
    return world.random() < 0.5 ? { agent, host: { id: on, name: on }, phase, past: [] } : { selector: {}, phase, past: [] };
  });
  const task: TaskCore = {
    key,
    id: key,
    title: key,
    createdMs: nowMs,
    createdBy: "ada",
    credential: pick("a", "b") ?? "a",
    lane: pick("", "x") ?? "",
    priority: 1 + world.int(5),
    dependsOn: dependsOn.value,
    ifFailed: pick("fail", "run") ?? "fail",
    retries: world.int(3),
    retryOn: world.random() < 0.3 ? ["exit_nonzero"] : [],
    idempotent,
    onLost,
    timeoutMs: pick(30 * MINUTE, 5 * MINUTE) ?? MINUTE,
    scheduleTimeoutMs: world.random() < 0.1 ? 3 * MINUTE : undefined,
    group: world.random() < 0.2 ? { name: "g", limit: 1 } : undefined,
    depth: 0,
    fence: 0,
    targets,
    changes: { created: 1 },
  };
  world.decide((board) => board.add(task, world.nowMs));
}

function cancelOne(world: FuzzWorld): void {
  const open = [...world.board.tasks.values()];
  const task = open[world.int(open.length)];
  if (task === undefined) return;
  world.cancelled.add(task.key);
  world.decide((board) => board.cancel(task, "ada", "enough", world.nowMs));
}

/** The link goes, for a moment or for long. */
function leave(world: FuzzWorld, host: FuzzHost): void {
  world.cut(host, world.random() < 0.7);
  const awayMs = world.random() < 0.5 ? world.random() * 5_000 : world.random() * 20 * MINUTE;
  world.after(Math.floor(awayMs), () => {
    if (host.link === undefined) world.dial(host);
  });
}

function freeze(world: FuzzWorld, host: FuzzHost): void {
  world.freeze(host);
  world.after(Math.floor(world.random() * 15 * MINUTE), () => world.thaw(host));
}

function restart(world: FuzzWorld, host: FuzzHost, how: () => void): void {
  world.cut(host, world.random() < 0.5);
  how();
  world.after(Math.floor(world.random() * 3 * MINUTE), () => {
    if (host.link === undefined) world.dial(host);
  });
}

/** [LK2] It takes the host's place for as long as the host needs to dial again. */
function copy(world: FuzzWorld, host: FuzzHost): void {
  world.cut(host, false);
  host.copied = true;
  world.dial(host);
  world.after(world.int(30_000), () => {
    world.unlock(host);
    world.after(world.int(5 * MINUTE), () => {
      if (host.link === undefined) world.dial(host);
    });
  });
}

/** About attempts that are over, or another's, or that never were. */
function lie(world: FuzzWorld, host: FuzzHost): void {
  if (!host.alive) return;
  const key = [...world.rows.keys()][world.int(world.rows.size)];
  const attempts = (key === undefined ? [] : world.core(key).targets).flatMap(({ past, phase }) => [
    ...past.map((attempt) => ({ attempt, over: true })),
    ...(phase.at === "started" ? [{ attempt: phase.attempt, over: false }] : []),
  ]);
  const of = attempts[world.int(attempts.length)];
  const ended = { state: "ended", end: { outcome: "completed", exitCode: 7, endedMs: world.nowMs } } as const;
  const tell = (report: AttemptReport): void => world.tell(host, report);
  if (of === undefined || world.random() < 0.1) return tell({ attempt: "att_nobody_1", fence: 1, status: ended });
  const { id, fence, host: own } = of.attempt;
  if (own.id !== host.id || of.over)
    tell({ attempt: id, fence, status: world.random() < 0.7 ? ended : { state: "cancelling", sinceMs: 1 } });
  else if (fence > 1) tell({ attempt: id, fence: fence - 1, status: ended });
}

const known = (task: TaskCore) => ({
  key: task.key,
  id: task.id,
  dependsOn: task.dependsOn,
  ...(task.finishedMs === undefined ? {} : { status: overall(task.targets) }),
});

/** Invariant I: nothing is lost, nothing runs twice, and how it ended is how it was. */
function check(world: FuzzWorld, task: TaskCore): void {
  const broken = (what: string): never => {
    throw new Violation(
      `${task.key}: ${what}; ${JSON.stringify(task)}; ${JSON.stringify(world.ledger.runs.filter((run) => run.task === task.key))}`,
    );
  };
  if (task.finishedMs === undefined || !task.targets.every(isEnded)) broken("is not final");
  const fences = task.targets.flatMap(({ past }) => past.map(({ fence }) => fence));
  if (new Set(fences).size !== fences.length) broken("a fence was given twice");
  for (const [index, target] of task.targets.entries()) {
    const runs = world.ledger.of(task.key, index);
    if (target.phase.at !== "ended") return broken("is not final");
    if (runs.some(({ attempt }) => !target.past.some(({ id }) => id === attempt))) broken("ran as an attempt that is not known");
    for (const past of target.past) checkAttempt(world, task, past, broken);
    const again = runs.length - 1;
    const allowed = Math.max(task.retries, task.idempotent && task.onLost === "retry" ? 3 : 0);
    if (again > allowed) broken(`ran ${runs.length} times`);
    const last = target.past.at(-1);
    if (target.phase.outcome === "completed" && (last === undefined || world.ledger.byAttempt(last.id)?.outcome !== "completed"))
      broken("is completed and did not complete");
    if (target.phase.outcome === "cancelled" && !world.cancelled.has(task.key)) broken("nobody cancelled it");
  }
}

function checkAttempt(world: FuzzWorld, task: TaskCore, past: Target["past"][number], broken: (what: string) => never): void {
  const run = world.ledger.byAttempt(past.id);
  if (run?.endMs === undefined && run !== undefined) return broken(`${past.id} still runs`);
  const host = world.hosts.find(({ id }) => id === past.host.id);
  if (past.said !== undefined && run !== undefined && past.outcome !== run.outcome) {
    // What was asked for is the better word for how it ended.
    const stopped = run.outcome === "cancelled" && past.outcome === "timed_out";
    if (!stopped) broken(`${past.id} is ${past.outcome} and was ${run.outcome}`);
  }
  if (past.said !== undefined && run?.exitCode !== past.exitCode) broken(`${past.id} ended with ${past.exitCode} and had ${run?.exitCode}`);
  if (past.outcome !== "lost" || host === undefined) return;
  const longMs = task.onLost === "fail" ? 90_000 : 600_000;
  const gone = host.wipes > 0 || host.reboots > 0 || host.longestSilenceMs >= longMs || run === undefined || run.outcome === "lost";
  if (!gone) broken(`${past.id} is lost, and its host was never away for long`);
}
