/**
 * The open tasks of a fleet and its hosts: what is ready, who gets a place, what an answer or a silence means. All decisions
 * and no storage or network: it speaks through a port, so the fuzz drives exactly what runs.
 */
import type { AttemptEnd, AttemptReport, AttemptStatus, OfferResult } from "@maestro/shared/protocol/tasks";
import { redialDelayMs } from "@maestro/shared/protocol/backoff";
import { isTransient } from "@maestro/shared/contract/task-reasons";
import type { TaskReason } from "@maestro/shared/contract/tasks";
import type { Answer, BoardPort, BoardTimes } from "./board-port.ts";
import { Deadlines } from "./deadlines.ts";
import { readiness } from "./dependencies.ts";
import { Lineup, type Waiter } from "./lineup.ts";
import { attemptOf, isEnded, type Attempt, type HostState, type Started, type StopWhy, type Target, type TaskCore } from "./model.ts";
import { endedAttempt, isUncertain, reason, reasonOfError, retryAtMs, saidOf, stoppedVerdict, verdictOf, type Verdict } from "./outcome.ts";
import { suits } from "./placement.ts";
import { overall } from "./status.ts";

type Due =
  | { kind: "offer" | "timeout" | "start" | "stop"; attempt: string }
  | { kind: "backoff"; target: Target; task: TaskCore }
  | { kind: "schedule"; task: TaskCore }
  | { kind: "silence" | "again"; host: string };

/** Where an attempt that is offered or started belongs. */
interface Place {
  task: TaskCore;
  target: Target;
}

/** Refusals of a host that is merely busy are not counted; of others so many are borne, or as many as the task has retries. */
const REFUSALS_BORNE = 2;

export class Board {
  readonly tasks = new Map<string, TaskCore>();
  readonly hosts = new Map<string, HostState>();
  readonly lineup = new Lineup();
  readonly deadlines = new Deadlines<Due>();
  readonly #port: BoardPort;
  readonly #times: BoardTimes;
  readonly #places = new Map<string, Place>();
  /** Started attempts, by host. */
  readonly #started = new Map<string, Set<string>>();
  /** Tasks that wait for the end of another. */
  readonly #waitFor = new Map<string, Set<TaskCore>>();
  /** What a host has named since its link is up, while it is at it. */
  readonly #naming = new Map<string, Set<string>>();
  /** Hosts where a place may have come free, and targets that may have become ready. */
  readonly #touched = new Set<string>();
  readonly #fresh = new Set<Waiter>();

  constructor(port: BoardPort, times: BoardTimes) {
    this.#port = port;
    this.#times = times;
  }

  // ---- tasks --------------------------------------------------------------------------------

  /** From rows, after a wake. What was told of starts since the last write is asked anew. */
  restore(tasks: Iterable<TaskCore>, hosts: Iterable<HostState>, nowMs: number): void {
    for (const host of hosts) this.hosts.set(host.id, host);
    for (const task of tasks) this.#enter(task, nowMs);
    for (const host of this.hosts.keys()) {
      this.#touched.add(host);
      this.#watch(host, nowMs);
    }
    this.#settle(nowMs);
  }

  add(task: TaskCore, nowMs: number): void {
    this.#port.save(task);
    const parent = task.parent === undefined ? undefined : this.#places.get(task.parent.attempt);
    if (parent?.target.phase.at === "started") {
      parent.target.phase.attempt.children = (parent.target.phase.attempt.children ?? 0) + 1;
      this.#port.soften(parent.task);
    }
    this.#enter(task, nowMs);
    this.#settle(nowMs);
  }

  cancel(task: TaskCore, by: string, why: string, nowMs: number): void {
    if (task.finishedMs !== undefined) return;
    task.cancel ??= { atMs: nowMs, by, reason: why };
    for (const target of task.targets) {
      switch (target.phase.at) {
        case "offered":
          this.#withdraw({ task, target }, nowMs);
          this.#end(task, target, stoppedVerdict("cancelled", why));
          break;
        case "pending":
          this.#end(task, target, stoppedVerdict("cancelled", why));
          break;
        case "started":
          this.#stop(target.phase, "cancelled", nowMs);
          break;
        case "ended":
          break;
      }
    }
    this.#port.save(task);
    this.#conclude(task, nowMs);
    this.#settle(nowMs);
  }

  /** The attempt runs, and this is its fence. */
  holds(attempt: string, fence: number): Place | undefined {
    const place = this.#places.get(attempt);
    return place?.target.phase.at === "started" && place.target.phase.attempt.fence === fence ? place : undefined;
  }

  waitedFor(key: string): boolean {
    return this.#waitFor.has(key);
  }

  // ---- answers ------------------------------------------------------------------------------

  offerAnswered(attempt: string, answer: Answer<OfferResult>, nowMs: number): void {
    const place = this.#places.get(attempt);
    if (place?.target.phase.at !== "offered") return;
    const { host } = place.target.phase.attempt;
    if (!answer.ok) {
      this.#withdraw(place, nowMs);
      this.#avoid(place, host.id, nowMs);
    } else if (answer.value.answer === "refused") {
      this.#withdraw(place, nowMs);
      this.#refused(place, host.id, answer.value.reason, nowMs);
    } else if (answer.value.answer === "known" && answer.value.status.state === "ended") {
      // It was over before it was started: nothing ran, and nothing may under this fence.
      this.#withdraw(place, nowMs);
      this.#avoid(place, host.id, nowMs);
    } else this.#start(place, nowMs);
    this.#settle(nowMs);
  }

  startAnswered(attempt: string, answer: Answer<AttemptStatus>, again: boolean, nowMs: number): void {
    const place = this.#places.get(attempt);
    if (place?.target.phase.at !== "started") return;
    const { phase } = place.target;
    if (answer.ok) this.#status(place, phase, answer.value, nowMs);
    else if (answer.neverSent === true || answer.error.code === "attempt_not_found") {
      // Asked for the first time and never heard: it may be offered anew. If not, it may have been heard before.
      if (!again) {
        this.#withdraw(place, nowMs);
        this.#port.save(place.task);
        this.#avoid(place, phase.attempt.host.id, nowMs);
      } else if (answer.neverSent !== true) this.#finish(place, phase, lost("The host does not have it."), undefined, nowMs);
    } else if (!isUncertain(answer.error) && !phase.confirmed)
      this.#finish(place, phase, { outcome: "failed", reason: reasonOfError(answer.error) }, undefined, nowMs);
    this.#settle(nowMs);
  }

  cancelAnswered(attempt: string, answer: Answer<AttemptStatus>, nowMs: number): void {
    const place = this.#places.get(attempt);
    if (place?.target.phase.at !== "started") return;
    const { phase } = place.target;
    if (answer.ok) this.#status(place, phase, answer.value, nowMs);
    else if (answer.error.code === "attempt_not_found" && phase.stop !== undefined) {
      const verdict = phase.confirmed
        ? lost("The host does not have it.")
        : stoppedVerdict(phase.stop.why, this.#stopDetail(place.task, phase));
      this.#finish(place, phase, verdict, undefined, nowMs);
    }
    this.#settle(nowMs);
  }

  // ---- hosts --------------------------------------------------------------------------------

  /** [TK3] Nothing is offered until it has named what it has. */
  hostUp(host: Omit<HostState, "up" | "ready" | "seenMs">, nowMs: number): void {
    this.#naming.delete(host.id);
    const next: HostState = { ...host, up: true, ready: false, seenMs: nowMs };
    this.hosts.set(host.id, next);
    this.#dropOffers(host.id, nowMs);
    this.#port.saveHost(next);
    this.#watch(host.id, nowMs);
    this.#settle(nowMs);
  }

  hostDown(id: string, link: string, seenMs: number, nowMs: number): void {
    const host = this.hosts.get(id);
    if (host?.link !== link) return;
    this.#naming.delete(id);
    this.#silent(host, seenMs, false, nowMs);
    this.#settle(nowMs);
  }

  /** What somebody who looked found. `connected`: its link is open, whatever comes over it. */
  hostSeen(id: string, lastSeenMs: number, connected: boolean, nowMs: number): void {
    const host = this.hosts.get(id);
    if (host === undefined) return;
    if (connected && nowMs - lastSeenMs < this.#times.leaseMs) {
      host.seenMs = Math.max(host.seenMs, lastSeenMs);
      // One whose link went comes back with a new one, and names what it has first.
      if (host.doubted === true) {
        host.up = true;
        host.doubted = undefined;
        this.#port.saveHost(host);
        this.#touched.add(id);
      }
    } else if (host.up || (host.doubted === true && !connected))
      this.#silent(host, Math.max(host.up ? 0 : host.seenMs, lastSeenMs), connected, nowMs);
    this.#losses(host, nowMs);
    this.#watch(id, nowMs);
    this.#settle(nowMs);
  }

  hostChanged(id: string, change: Partial<Omit<HostState, "id" | "link" | "up" | "ready" | "seenMs">>, nowMs: number): void {
    const host = this.hosts.get(id);
    if (host === undefined) return;
    Object.assign(host, change);
    this.#port.saveHost(host);
    this.#touched.add(id);
    this.#settle(nowMs);
  }

  hostRemoved(id: string, nowMs: number): void {
    const name = this.hosts.get(id)?.name ?? id;
    this.#dropOffers(id, nowMs);
    this.hosts.delete(id);
    this.#port.forgetHost(id);
    this.deadlines.clear(`silence ${id}`);
    for (const attempt of [...(this.#started.get(id) ?? [])]) {
      const place = this.#places.get(attempt);
      if (place?.target.phase.at === "started")
        this.#finish(place, place.target.phase, lost(`Host '${name}' was removed.`), undefined, nowMs);
    }
    for (const task of [...this.tasks.values()]) {
      const mine = task.targets.filter(({ host, phase }) => host?.id === id && phase.at === "pending");
      if (mine.length === 0) continue;
      const gone: Verdict = { outcome: "failed", reason: reason("no_capable_host", `Host '${name}' was removed.`) };
      for (const target of mine) this.#end(task, target, gone);
      this.#port.save(task);
      this.#conclude(task, nowMs);
    }
    this.#settle(nowMs);
  }

  /** [TK3] A page of what a host has; those of its attempts that it need not tell again. */
  hostAttempts(
    id: string,
    link: string,
    items: readonly AttemptReport[],
    first: boolean,
    more: boolean,
    nowMs: number,
  ): { attempt: string; fence: number; unknown?: boolean | undefined }[] {
    const host = this.hosts.get(id);
    if (host?.link !== link) return [];
    if (first) this.#naming.set(id, new Set());
    const named = this.#naming.get(id);
    const acked = items.flatMap((item) => {
      named?.add(item.attempt);
      const { ack, unknown } = this.#told(id, item, nowMs);
      return ack ? [{ attempt: item.attempt, fence: item.fence, ...(unknown === true ? { unknown } : {}) }] : [];
    });
    if (!more) this.#named(host, named, nowMs);
    this.#settle(nowMs);
    return acked;
  }

  report(host: string, report: AttemptReport, nowMs: number): { ack: boolean; unknown?: boolean | undefined } {
    const answer = this.#told(host, report, nowMs);
    this.#settle(nowMs);
    return answer;
  }

  // ---- time ---------------------------------------------------------------------------------

  tick(nowMs: number): void {
    for (const due of this.deadlines.takeDue(nowMs)) this.#due(due, nowMs);
    this.#settle(nowMs);
  }

  #due(due: Due, nowMs: number): void {
    switch (due.kind) {
      case "backoff":
        if (due.target.phase.at === "pending") this.#admit(due.task, due.target, nowMs);
        return;
      case "schedule":
        return this.#notStarted(due.task, nowMs);
      case "again":
        this.#touched.add(due.host);
        return;
      case "silence":
        return this.#silence(due.host, nowMs);
      case "offer": {
        const place = this.#places.get(due.attempt);
        if (place?.target.phase.at !== "offered") return;
        const { host } = place.target.phase.attempt;
        this.#withdraw(place, nowMs);
        return this.#avoid(place, host.id, nowMs);
      }
      case "timeout":
      case "start":
      case "stop": {
        const place = this.#places.get(due.attempt);
        if (place?.target.phase.at !== "started") return;
        const { phase } = place.target;
        if (due.kind === "timeout") {
          this.#stop(phase, "timeout", nowMs);
          return this.#port.save(place.task);
        }
        const up = this.hosts.get(phase.attempt.host.id)?.up === true;
        if (due.kind === "stop") {
          if (up && phase.stop !== undefined) this.#port.cancel(phase.attempt, phase.stop.why);
          return this.#stopAgain(phase, nowMs);
        }
        if (phase.confirmed) return;
        if (up) this.#port.start(place.task, place.task.targets.indexOf(place.target), phase.attempt, true);
        return this.#startAgain(phase, nowMs);
      }
    }
  }

  // ---- one target ---------------------------------------------------------------------------

  #enter(task: TaskCore, nowMs: number): void {
    this.tasks.set(task.key, task);
    for (const { key, status } of task.dependsOn) if (status === undefined) this.#waiters(key).add(task);
    for (const target of task.targets) {
      if (target.phase.at !== "started") continue;
      this.#occupy({ task, target }, target.phase.attempt);
      this.#begun(target.phase);
      if (!target.phase.confirmed)
        this.deadlines.set(`start ${target.phase.attempt.id}`, nowMs, { kind: "start", attempt: target.phase.attempt.id });
      else this.#timeOut(task, target.phase);
      if (target.phase.stop !== undefined) this.#stopAgain(target.phase, nowMs);
    }
    if (task.scheduleTimeoutMs !== undefined)
      this.deadlines.set(`schedule ${task.key}`, task.createdMs + task.scheduleTimeoutMs, { kind: "schedule", task });
    this.#ready(task, nowMs);
  }

  /** Its dependencies may have come about, or cannot any more. */
  #ready(task: TaskCore, nowMs: number): void {
    const ready = readiness(task.dependsOn, task.ifFailed);
    if (ready.is === "open") return;
    const pending = task.targets.filter(({ phase }) => phase.at === "pending");
    if (ready.is === "met") {
      for (const target of pending) this.#admit(task, target, nowMs);
      return;
    }
    if (pending.length === 0) return;
    const { task: other, on, status } = ready.by;
    const detail = `Task '${other}' is ${status}, which is not what was waited for (${on}).`;
    for (const target of pending) this.#end(task, target, { outcome: "failed", reason: reason("dependency_failed", detail) });
    this.#port.save(task);
    this.#conclude(task, nowMs);
  }

  #admit(task: TaskCore, target: Target, nowMs: number): void {
    if (target.phase.at !== "pending" || readiness(task.dependsOn, task.ifFailed).is !== "met") return;
    const { sinceMs, notBeforeMs = 0 } = target.phase;
    if (notBeforeMs > nowMs) return this.deadlines.set(this.#backoffName(task, target), notBeforeMs, { kind: "backoff", task, target });
    this.lineup.add(task, target, sinceMs);
    this.#doubt(target, nowMs);
    const waiter = this.lineup.waiterOf(target);
    if (waiter !== undefined) this.#fresh.add(waiter);
  }

  /** Hosts that are silent on an open link are looked at while something waits for them. */
  #doubt({ host }: Target, nowMs: number): void {
    for (const { id, doubted } of this.hosts.values())
      if (doubted === true && (host === undefined || host.id === id)) this.#watch(id, nowMs);
  }

  #offer({ task, target }: Waiter, host: HostState, nowMs: number): void {
    if (target.phase.at !== "pending") return;
    task.fence += 1;
    const attempt: Attempt = {
      id: this.#port.attemptId(task),
      n: target.past.length + 1,
      fence: task.fence,
      host: { id: host.id, name: host.name },
      createdMs: nowMs,
    };
    target.phase = { at: "offered", sinceMs: target.phase.sinceMs, attempt };
    this.#occupy({ task, target }, attempt);
    this.deadlines.set(`offer ${attempt.id}`, nowMs + this.#times.offerMs, { kind: "offer", attempt: attempt.id });
    this.#port.offer(task, task.targets.indexOf(target), attempt);
  }

  /** [TK1] The second phase: what is committed here may run. */
  #start(place: Place, nowMs: number): void {
    const { task, target } = place;
    if (target.phase.at !== "offered") return;
    const { attempt } = target.phase;
    this.deadlines.clear(`offer ${attempt.id}`);
    const phase: Started = { at: "started", attempt, committedMs: nowMs, confirmed: false };
    target.phase = phase;
    this.#begun(phase);
    this.#startAgain(phase, nowMs);
    if (this.#started.get(attempt.host.id)?.size === 1) this.#watch(attempt.host.id, nowMs);
    this.#port.save(task);
    this.#port.start(task, task.targets.indexOf(target), attempt, false);
  }

  #status(place: Place, phase: Started, status: AttemptStatus, nowMs: number): void {
    const { attempt } = phase;
    const host = this.hosts.get(attempt.host.id);
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
        if (!phase.confirmed) this.#confirmed(place.task, phase, nowMs);
        return;
      case "ended": {
        const { end, workspace } = status;
        if (attempt.startedMs === undefined && end.startedMs !== undefined)
          attempt.startedMs = Math.min(nowMs, Math.max(phase.committedMs, end.startedMs));
        if (workspace !== undefined) attempt.workspace = workspace;
        this.#beganAt(place.task, attempt.startedMs);
        return this.#finish(place, phase, verdictOf(end, phase.stop?.why, this.#stopDetail(place.task, phase)), end, nowMs);
      }
    }
  }

  #confirmed(task: TaskCore, phase: Started, nowMs: number): void {
    phase.confirmed = true;
    phase.attempt.startedMs ??= nowMs;
    this.deadlines.clear(`start ${phase.attempt.id}`);
    this.#timeOut(task, phase);
    this.#beganAt(task, phase.attempt.startedMs);
    this.#port.soften(task);
  }

  #beganAt(task: TaskCore, startedMs: number | undefined): void {
    if (startedMs === undefined || task.startedMs !== undefined) return;
    task.startedMs = startedMs;
    task.changes.started = this.#port.change();
  }

  #stop(phase: Started, why: StopWhy, nowMs: number): void {
    // What somebody wants counts more than that it takes too long.
    if (phase.stop !== undefined && (phase.stop.why === why || why !== "cancelled")) return;
    phase.stop = { why, sinceMs: nowMs };
    this.#port.cancel(phase.attempt, why);
    this.#stopAgain(phase, nowMs);
  }

  #stopDetail({ cancel, timeoutMs }: TaskCore, { stop }: Started): string {
    if (stop?.why === "timeout") return `It took longer than ${Math.round(timeoutMs / 1000)} s.`;
    return cancel === undefined ? "It was stopped." : cancel.reason === "" ? `Cancelled by ${cancel.by}.` : cancel.reason;
  }

  /** Back to the queue, under a new fence next time. */
  #withdraw({ task, target }: Place, nowMs: number): void {
    const { phase } = target;
    if (phase.at !== "offered" && phase.at !== "started") return;
    this.#release({ task, target }, phase.attempt);
    target.phase = { at: "pending", sinceMs: phase.at === "offered" ? phase.sinceMs : task.createdMs };
    this.#admit(task, target, nowMs);
  }

  /** The host could not be asked: others are, and it again in a while. */
  #avoid(place: Place, host: string, nowMs: number): void {
    const untilMs = nowMs + redialDelayMs(0, 0.2 + 0.8 * this.#port.random(), this.#times.scale);
    this.lineup.refused(place.target, host, untilMs, "It could not be asked.", false);
    this.#askAgain(place, host, untilMs);
  }

  #refused({ task, target }: Place, host: string, why: TaskReason, nowMs: number): void {
    const transient = isTransient(why.code);
    const tried = (this.lineup.refusals(target)?.count ?? 0) + 1;
    const untilMs = transient
      ? nowMs + redialDelayMs(Math.min(tried - 1, 4), 0.2 + 0.8 * this.#port.random(), this.#times.scale)
      : Infinity;
    const { until, count } = this.lineup.refused(target, host, untilMs, why.detail, why.code !== "offer_refused");
    const able = [...this.hosts.values()].filter((other) => suits(other, target, task));
    const hopeless = able.every(({ id }) => until.get(id) === Infinity);
    const borne = Math.max(task.retries, REFUSALS_BORNE) * Math.max(1, able.length);
    if (hopeless || (transient && count > borne)) {
      this.#end(task, target, { outcome: "failed", reason: why });
      this.#port.save(task);
      return this.#conclude(task, nowMs);
    }
    if (untilMs !== Infinity) this.#askAgain({ task, target }, host, untilMs);
  }

  #askAgain({ task, target }: Place, host: string, atMs: number): void {
    this.deadlines.set(`again ${host} ${task.key} ${task.targets.indexOf(target)}`, atMs, { kind: "again", host });
  }

  #finish(place: Place, phase: Started, verdict: Verdict, end: AttemptEnd | undefined, nowMs: number): void {
    const { task, target } = place;
    this.#release(place, phase.attempt);
    target.past.push(endedAttempt(phase.attempt, verdict, end, nowMs));
    const againMs = retryAtMs(task, verdict, target.past.length, this.#port.random(), nowMs, this.#times.scale);
    if (againMs === undefined) target.phase = { at: "ended", ...verdict };
    else {
      target.phase = { at: "pending", sinceMs: nowMs, notBeforeMs: againMs };
      this.#admit(task, target, nowMs);
    }
    this.#port.save(task);
    this.#conclude(task, nowMs);
  }

  #end(task: TaskCore, target: Target, verdict: Verdict): void {
    this.lineup.remove(target);
    this.deadlines.clear(this.#backoffName(task, target));
    target.phase = { at: "ended", ...verdict };
  }

  /** All of its targets may have ended by now. */
  #conclude(task: TaskCore, nowMs: number): void {
    if (task.finishedMs !== undefined || !task.targets.every(isEnded)) return;
    task.finishedMs = nowMs;
    task.changes.finished = this.#port.change();
    this.tasks.delete(task.key);
    this.deadlines.clear(`schedule ${task.key}`);
    for (const { key } of task.dependsOn) this.#forgetWaiter(key, task);
    this.#port.ended(task);
    const waiting = this.#waitFor.get(task.key);
    this.#waitFor.delete(task.key);
    const status = overall(task.targets);
    for (const other of waiting ?? []) {
      for (const dependency of other.dependsOn) if (dependency.key === task.key) dependency.status = status;
      this.#ready(other, nowMs);
    }
  }

  #notStarted(task: TaskCore, nowMs: number): void {
    const late = task.targets.filter(({ phase, past }) => past.length === 0 && (phase.at === "pending" || phase.at === "offered"));
    if (late.length === 0 || task.finishedMs !== undefined) return;
    const detail = `It was not started within ${Math.round((task.scheduleTimeoutMs ?? 0) / 1000)} s.`;
    for (const target of late) {
      this.#withdraw({ task, target }, nowMs);
      this.#end(task, target, { outcome: "timed_out", reason: reason("schedule_timeout", detail) });
    }
    this.#port.save(task);
    this.#conclude(task, nowMs);
  }

  // ---- what hosts say -----------------------------------------------------------------------

  #told(host: string, report: AttemptReport, nowMs: number): { ack: boolean; unknown?: boolean | undefined } {
    const ended = report.status.state === "ended";
    const place = this.#places.get(report.attempt);
    const current = place === undefined ? undefined : attemptOf(place.target);
    if (place === undefined || current?.host.id !== host || current.fence !== report.fence) return this.#toldOfPast(host, report);
    const { phase } = place.target;
    if (phase.at === "started") {
      this.#status(place, phase, report.status, nowMs);
      if (report.status.state === "accepted" && !phase.confirmed)
        this.#port.start(place.task, place.task.targets.indexOf(place.target), phase.attempt, true);
      return { ack: ended };
    }
    // It was not started from here: whatever is there must not be taken for it.
    if (report.status.state === "accepted") return { ack: false };
    this.#port.evidence(host, report);
    return { ack: ended };
  }

  #toldOfPast(host: string, report: AttemptReport): { ack: boolean; unknown?: boolean | undefined } {
    const past = this.#port
      .taskOf(report.attempt)
      ?.targets.flatMap((target) => target.past)
      .find(({ id }) => id === report.attempt);
    if (past === undefined || past.host.id !== host) return { ack: true, unknown: true };
    if (report.status.state === "ended") {
      if (past.fence !== report.fence || past.said !== saidOf(report.status.end)) this.#port.evidence(host, report);
      return { ack: true };
    }
    // It is over here, whatever it still does there.
    this.#port.cancel(past, "superseded");
    return { ack: false };
  }

  /**
   * [TK3] What was started and is not named is not there, unless it was started on this very link while the list was on its
   * way: so it is asked for once more, and what the host does not know then is lost.
   */
  #named(host: HostState, named: ReadonlySet<string> | undefined, nowMs: number): void {
    this.#naming.delete(host.id);
    for (const attempt of [...(this.#started.get(host.id) ?? [])]) {
      const place = this.#places.get(attempt);
      if (place?.target.phase.at !== "started") continue;
      const { phase } = place.target;
      if (phase.stop !== undefined) this.#port.cancel(phase.attempt, phase.stop.why);
      else if (named?.has(attempt) !== true) {
        phase.confirmed = false;
        this.#port.start(place.task, place.task.targets.indexOf(place.target), phase.attempt, true);
        this.#startAgain(phase, nowMs);
      }
    }
    host.up = true;
    host.doubted = undefined;
    host.ready = true;
    host.seenMs = nowMs;
    this.#port.saveHost(host);
    this.#touched.add(host.id);
    this.#watch(host.id, nowMs);
  }

  // ---- presence -----------------------------------------------------------------------------

  #silent(host: HostState, seenMs: number, doubted: boolean, nowMs: number): void {
    host.up = false;
    host.doubted = doubted ? true : undefined;
    host.seenMs = Math.min(nowMs, seenMs);
    this.#port.saveHost(host);
    this.#dropOffers(host.id, nowMs);
    this.#watch(host.id, nowMs);
  }

  /** Offers die with their link. */
  #dropOffers(host: string, nowMs: number): void {
    for (const place of [...this.#places.values()])
      if (place.target.phase.at === "offered" && place.target.phase.attempt.host.id === host) this.#withdraw(place, nowMs);
  }

  /** [TK2] While something runs there, its silence counts. */
  #watch(id: string, nowMs: number): void {
    const host = this.hosts.get(id);
    const name = `silence ${id}`;
    const some = (this.#started.get(id)?.size ?? 0) > 0;
    const wanted = host?.doubted === true && this.lineup.wants(id);
    if (host === undefined || (!some && !wanted)) return this.deadlines.clear(name);
    const { leaseMs, lostMs } = this.#times;
    if (!some) return this.deadlines.set(name, nowMs + leaseMs / 4, { kind: "silence", host: id });
    const silentAtMs = host.seenMs + leaseMs;
    const atMs = host.up || nowMs < silentAtMs ? silentAtMs : Math.min(host.seenMs + lostMs, nowMs + leaseMs);
    this.deadlines.set(name, Math.max(atMs, host.up ? nowMs + leaseMs / 4 : 0), { kind: "silence", host: id });
  }

  /** Nothing is given up before somebody has looked: it may be back since. */
  #silence(id: string, nowMs: number): void {
    if (!this.hosts.has(id)) return;
    this.#port.look(id);
    this.deadlines.set(`silence ${id}`, nowMs + this.#times.leaseMs, { kind: "silence", host: id });
  }

  #losses({ id, name, up, seenMs }: HostState, nowMs: number): void {
    if (up) return;
    const { leaseMs, lostMs } = this.#times;
    for (const attempt of [...(this.#started.get(id) ?? [])]) {
      const place = this.#places.get(attempt);
      if (place?.target.phase.at !== "started" || nowMs - seenMs < (place.task.onLost === "fail" ? leaseMs : lostMs)) continue;
      const detail = `Host '${name}' was last seen ${new Date(seenMs).toISOString()}.`;
      this.#finish(place, place.target.phase, lost(detail, "It may have run on. Is the machine on?"), undefined, nowMs);
    }
  }

  // ---- bookkeeping --------------------------------------------------------------------------

  /** Places that came free, and who became ready, until nothing more can be given out. */
  #settle(nowMs: number): void {
    for (const waiter of this.#fresh) {
      if (!this.lineup.waits(waiter.target)) continue;
      const host = this.lineup.hostFor(waiter, this.hosts, nowMs);
      if (host !== undefined) this.#give(waiter, host, nowMs);
    }
    this.#fresh.clear();
    for (const id of this.#touched) {
      const host = this.hosts.get(id);
      if (host === undefined) continue;
      for (let next = this.lineup.nextOn(host, nowMs); next !== undefined; next = this.lineup.nextOn(host, nowMs))
        this.#give(next, host, nowMs);
    }
    this.#touched.clear();
  }

  #give(waiter: Waiter, host: HostState, nowMs: number): void {
    this.lineup.served(waiter);
    this.lineup.remove(waiter.target);
    this.#offer(waiter, host, nowMs);
  }

  #occupy(place: Place, attempt: Attempt): void {
    this.#places.set(attempt.id, place);
    this.lineup.occupy(place.task, place.target, attempt.host.id);
  }

  #release({ task, target }: Place, attempt: Attempt): void {
    this.#places.delete(attempt.id);
    this.lineup.release(task, target, attempt.host.id);
    this.#started.get(attempt.host.id)?.delete(attempt.id);
    for (const kind of ["offer", "start", "stop", "timeout"]) this.deadlines.clear(`${kind} ${attempt.id}`);
    this.#touched.add(attempt.host.id);
    // Its group had a place taken on any host.
    if (task.group !== undefined) for (const id of this.hosts.keys()) this.#touched.add(id);
  }

  #begun({ attempt }: Started): void {
    const there = this.#started.get(attempt.host.id);
    if (there === undefined) this.#started.set(attempt.host.id, new Set([attempt.id]));
    else there.add(attempt.id);
  }

  #timeOut({ timeoutMs }: TaskCore, { attempt, stop }: Started): void {
    if (stop !== undefined || attempt.startedMs === undefined) return;
    this.deadlines.set(`timeout ${attempt.id}`, attempt.startedMs + timeoutMs + this.#times.slackMs, {
      kind: "timeout",
      attempt: attempt.id,
    });
  }

  #startAgain({ attempt: { id } }: Started, nowMs: number): void {
    this.deadlines.set(`start ${id}`, nowMs + this.#times.offerMs, { kind: "start", attempt: id });
  }

  #stopAgain({ attempt: { id } }: Started, nowMs: number): void {
    this.deadlines.set(`stop ${id}`, nowMs + this.#times.stopAgainMs, { kind: "stop", attempt: id });
  }

  #backoffName({ key, targets }: TaskCore, target: Target): string {
    return `backoff ${key} ${targets.indexOf(target)}`;
  }

  #waiters(key: string): Set<TaskCore> {
    const found = this.#waitFor.get(key);
    if (found !== undefined) return found;
    const waiters = new Set<TaskCore>();
    this.#waitFor.set(key, waiters);
    return waiters;
  }

  #forgetWaiter(key: string, task: TaskCore): void {
    const waiters = this.#waitFor.get(key);
    waiters?.delete(task);
    if (waiters?.size === 0) this.#waitFor.delete(key);
  }
}

const lost = (detail: string, hint?: string): Verdict => ({ outcome: "lost", reason: reason("host_lost", detail, hint) });
