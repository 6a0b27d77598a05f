/** One target's way from waiting to its end, and what the end of all of them means for others. */
import type { AttemptEnd, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { charge, overspent } from "./budget.ts";
import { Dependents } from "./dependents.ts";
import { readiness } from "./dependencies.ts";
import type { Ground, Place, StartedPlace } from "./ground.ts";
import type { Waiter } from "./lineup.ts";
import { isEnded, type Attempt, type HostState, type Started, type StopWhy, type Target, type TaskCore } from "./model.ts";
import { endedAttempt, lost, reason, retryAtMs, verdictOf, type Verdict } from "./outcome.ts";
import { overall } from "./status.ts";

export class Targets {
  readonly dependents = new Dependents();
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Its dependencies may have come about, or cannot any more. */
  ready(task: TaskCore, nowMs: number): void {
    const ready = readiness(task.dependsOn, task.ifFailed);
    if (ready.is === "open") return;
    const pending = task.targets.filter(({ phase }) => phase.at === "pending");
    if (ready.is === "met") {
      for (const target of pending) this.admit(task, target, nowMs);
      return;
    }
    if (pending.length === 0) return;
    const { task: other, on, status } = ready.by;
    const detail = `Task '${other}' is ${status}, which is not what was waited for (${on}).`;
    for (const target of pending) this.end(task, target, { outcome: "failed", reason: reason("dependency_failed", detail) });
    this.#ground.port.save(task);
    this.conclude(task, nowMs);
  }

  admit(task: TaskCore, target: Target, nowMs: number): void {
    if (target.phase.at !== "pending" || readiness(task.dependsOn, task.ifFailed).is !== "met") return;
    const { sinceMs, notBeforeMs = 0 } = target.phase;
    if (notBeforeMs > nowMs)
      return this.#ground.deadlines.set(this.#backoffName(task, target), notBeforeMs, { kind: "backoff", task, target });
    this.#ground.lineup.add(task, target, sinceMs);
    this.#doubt(target, nowMs);
    const waiter = this.#ground.lineup.waiterOf(target);
    if (waiter !== undefined) this.#ground.fresh.add(waiter);
  }

  /** Hosts that are silent on an open link are looked at while something waits for them. */
  #doubt({ host }: Target, nowMs: number): void {
    for (const { id, doubted } of this.#ground.hosts.values())
      if (doubted === true && (host === undefined || host.id === id)) this.#ground.watch(id, nowMs);
  }

  offer({ task, target }: Waiter, host: HostState, nowMs: number): void {
    if (target.phase.at !== "pending") return;
    task.fence += 1;
    const attempt: Attempt = {
      id: this.#ground.port.attemptId(task),
      n: target.past.length + 1,
      fence: task.fence,
      host: { id: host.id, name: host.name },
      createdMs: nowMs,
    };
    target.phase = { at: "offered", sinceMs: target.phase.sinceMs, attempt };
    this.#ground.occupy({ task, target }, attempt);
    this.#ground.deadlines.set(`offer ${attempt.id}`, nowMs + this.#ground.times.offerMs, { kind: "offer", attempt: attempt.id });
    this.#ground.port.offer(task, task.targets.indexOf(target), attempt);
  }

  /** [TK1] The second phase: what is committed here may run. */
  start(place: Place, nowMs: number): void {
    const { task, target } = place;
    if (target.phase.at !== "offered") return;
    const { attempt } = target.phase;
    this.#ground.deadlines.clear(`offer ${attempt.id}`);
    const phase: Started = { at: "started", attempt, committedMs: nowMs, confirmed: false };
    target.phase = phase;
    const idle = this.#ground.isIdle(attempt.host.id);
    this.#ground.begun(phase);
    if (idle) this.#ground.watch(attempt.host.id, nowMs);
    this.#ground.port.save(task);
    this.#ground.askStart({ task, target, phase }, false, nowMs);
  }

  /**
   * [TK3] Its host says that it has no such attempt. That may be a copy of the host, which knows nothing of what runs on the
   * other [LK2]: the two are told apart once that one dials again, and it has a lease to do so.
   */
  missing(place: StartedPlace, nowMs: number): void {
    const { task, phase } = place;
    phase.deniedMs ??= nowMs;
    const { leaseMs, lostMs } = this.#ground.times;
    // A host that redials before a lease is over is believed in the end as well.
    if ((phase.missingMs !== undefined && nowMs - phase.missingMs >= leaseMs) || nowMs - phase.deniedMs >= lostMs)
      return this.finish(place, lost(`Host '${phase.attempt.host.name}' does not have it.`), undefined, nowMs);
    if (phase.missingMs !== undefined) return;
    phase.missingMs = nowMs;
    phase.confirmed = false;
    this.#ground.port.save(task);
  }

  status(place: StartedPlace, status: AttemptStatus, nowMs: number): void {
    const { phase } = place;
    phase.missingMs = undefined;
    phase.deniedMs = undefined;
    const { attempt } = phase;
    const host = this.#ground.hosts.get(attempt.host.id);
    if (host?.up === true) host.seenMs = nowMs;
    switch (status.state) {
      case "accepted":
        return;
      case "running":
      case "cancelling":
        if (status.state === "running" && attempt.startedMs === undefined) {
          attempt.startedMs = Math.min(nowMs, Math.max(phase.committedMs, status.startedMs));
          attempt.workspace = status.workspace;
        }
        if (status.state === "running" && status.memoryBytes !== undefined)
          this.#ground.loads.set(attempt, {
            cpu: Math.max(0, status.cpu ?? 0),
            memoryBytes: Math.max(0, status.memoryBytes),
            atMs: nowMs,
          });
        if (!phase.confirmed) this.#confirmed(place.task, phase, nowMs);
        return;
      case "ended": {
        const { end, workspace } = status;
        if (attempt.startedMs === undefined && end.startedMs !== undefined)
          attempt.startedMs = Math.min(nowMs, Math.max(phase.committedMs, end.startedMs));
        if (workspace !== undefined) attempt.workspace = workspace;
        this.#beganAt(place.task, attempt.startedMs);
        return this.finish(place, verdictOf(end, phase.stop?.why, this.stopDetail(place.task, phase)), end, nowMs);
      }
    }
  }

  #confirmed(task: TaskCore, phase: Started, nowMs: number): void {
    phase.confirmed = true;
    phase.attempt.startedMs ??= nowMs;
    this.#ground.deadlines.clear(`start ${phase.attempt.id}`);
    this.#ground.timeOut(task, phase);
    this.#beganAt(task, phase.attempt.startedMs);
    this.#ground.port.soften(task);
  }

  #beganAt(task: TaskCore, startedMs: number | undefined): void {
    if (startedMs === undefined || task.startedMs !== undefined) return;
    task.startedMs = startedMs;
    task.changes.started = this.#ground.port.change();
  }

  stop(phase: Started, why: StopWhy, nowMs: number): void {
    // What somebody wants counts more than that it takes too long.
    if (phase.stop !== undefined && (phase.stop.why === why || why !== "cancelled")) return;
    phase.stop = { why, sinceMs: nowMs };
    this.#ground.port.cancel(phase.attempt, why);
    this.#ground.stopAgain(phase, nowMs);
  }

  stopDetail({ cancel, timeoutMs }: TaskCore, { stop }: Started): string {
    if (stop?.why === "timeout") return `It took longer than ${Math.round(timeoutMs / 1000)} s.`;
    return cancel === undefined ? "It was stopped." : cancel.reason === "" ? `Cancelled by ${cancel.by}.` : cancel.reason;
  }

  /** Back to the queue, under a new fence next time. */
  withdraw({ task, target }: Place, nowMs: number): void {
    const { phase } = target;
    if (phase.at !== "offered" && phase.at !== "started") return;
    this.#ground.release({ task, target }, phase.attempt);
    target.phase = { at: "pending", sinceMs: phase.at === "offered" ? phase.sinceMs : task.createdMs };
    this.admit(task, target, nowMs);
  }

  finish(place: StartedPlace, verdict: Verdict, end: AttemptEnd | undefined, nowMs: number): void {
    const { task, target, phase } = place;
    this.#ground.release(place, phase.attempt);
    target.past.push(endedAttempt(phase.attempt, verdict, end, nowMs));
    const againMs = retryAtMs(task, verdict, target.past.length, this.#ground.port.random(), nowMs, this.#ground.times.scale);
    if (againMs === undefined) target.phase = { at: "ended", ...verdict };
    else {
      target.phase = { at: "pending", sinceMs: nowMs, notBeforeMs: againMs };
      this.admit(task, target, nowMs);
    }
    this.#ground.port.save(task);
    const { costUsd = 0 } = end?.usage ?? {};
    if (costUsd > 0) this.charge(task, 0, costUsd);
    this.conclude(task, nowMs);
  }

  /** To the budgets of those above it, ended or not. */
  charge({ above = [] }: TaskCore, tasks: number, costUsd: number): void {
    for (const key of above) {
      const over = this.#ground.tasks.get(key) ?? this.#ground.port.task(key);
      // Gone with its time.
      if (over === undefined) continue;
      charge(over, tasks, costUsd);
      this.#ground.port.save(over);
      const why = overspent(over);
      if (why !== undefined) this.#ground.overspent.set(key, why);
    }
  }

  end(task: TaskCore, target: Target, verdict: Verdict): void {
    this.#ground.lineup.remove(target);
    this.#ground.deadlines.clear(this.#backoffName(task, target));
    target.phase = { at: "ended", ...verdict };
  }

  /** All of its targets may have ended by now. */
  conclude(task: TaskCore, nowMs: number): void {
    if (task.finishedMs !== undefined || !task.targets.every(isEnded)) return;
    task.finishedMs = nowMs;
    task.changes.finished = this.#ground.port.change();
    this.#ground.tasks.delete(task.key);
    this.#ground.deadlines.clear(`schedule ${task.key}`);
    this.dependents.forget(task);
    this.#ground.port.ended(task);
    const status = overall(task.targets);
    for (const other of this.dependents.take(task.key)) {
      for (const dependency of other.dependsOn) if (dependency.key === task.key) dependency.status = status;
      this.ready(other, nowMs);
    }
  }

  notStarted(task: TaskCore, nowMs: number): void {
    const late = task.targets.filter(({ phase, past }) => past.length === 0 && (phase.at === "pending" || phase.at === "offered"));
    if (late.length === 0 || task.finishedMs !== undefined) return;
    const detail = `It was not started within ${Math.round((task.scheduleTimeoutMs ?? 0) / 1000)} s.`;
    for (const target of late) {
      this.withdraw({ task, target }, nowMs);
      this.end(task, target, { outcome: "timed_out", reason: reason("schedule_timeout", detail) });
    }
    this.#ground.port.save(task);
    this.conclude(task, nowMs);
  }

  #backoffName({ key, targets }: TaskCore, target: Target): string {
    return `backoff ${key} ${targets.indexOf(target)}`;
  }
}
