/**
 * The open tasks of a fleet and its hosts: what is ready, who gets a place, what an answer or a silence means. All decisions
 * and no storage or network: it speaks through a port, so the fuzz drives exactly what runs. Each call is one decision.
 */
import type { AttemptReport, AttemptStatus, OfferResult } from "@maestro/shared/protocol/tasks";
import type { Answer, BoardPort, BoardTimes } from "./board-port.ts";
import { Ground, type Due, type Place } from "./ground.ts";
import { HostDesk, type Acknowledged, type HostChange } from "./host-desk.ts";
import type { Waiter } from "./lineup.ts";
import type { Attempt, HostState, Load, TaskCore } from "./model.ts";
import { isUncertain, reasonOfError, stoppedVerdict } from "./outcome.ts";
import { Refusing } from "./refusing.ts";
import { Targets } from "./targets.ts";

export class Board {
  readonly #ground: Ground;
  readonly #targets: Targets;
  readonly #refusing: Refusing;
  readonly #desk: HostDesk;

  constructor(port: BoardPort, times: BoardTimes) {
    this.#ground = new Ground(port, times);
    this.#targets = new Targets(this.#ground);
    this.#refusing = new Refusing(this.#ground, this.#targets);
    this.#desk = new HostDesk(this.#ground, this.#targets);
  }

  /** Open ones, by key. */
  get tasks(): ReadonlyMap<string, TaskCore> {
    return this.#ground.tasks;
  }

  get hosts(): ReadonlyMap<string, HostState> {
    return this.#ground.hosts;
  }

  loadOf(attempt: Attempt): Load | undefined {
    return this.#ground.loads.get(attempt);
  }

  get lineup() {
    return this.#ground.lineup;
  }

  get nextMs(): number | undefined {
    return this.#ground.deadlines.nextMs();
  }

  /** The attempt runs, and this is its fence. */
  holds(attempt: string, fence: number): Place | undefined {
    const place = this.#ground.started(attempt);
    return place?.phase.attempt.fence === fence ? place : undefined;
  }

  /** Another task waits for its end. */
  isWaitedFor(key: string): boolean {
    return this.#targets.dependents.has(key);
  }

  // ---- tasks --------------------------------------------------------------------------------

  /** From rows, after a wake. What was told of starts since the last write is asked anew. */
  restore(tasks: Iterable<TaskCore>, hosts: Iterable<HostState>, nowMs: number): void {
    for (const host of hosts) this.#ground.hosts.set(host.id, host);
    for (const task of tasks) this.#enter(task, nowMs);
    for (const host of this.hosts.keys()) {
      this.#ground.touched.add(host);
      this.#ground.watch(host, nowMs);
    }
    this.#settle(nowMs);
  }

  /** A new one. What it uses up of those above it is written with it. */
  add(task: TaskCore, nowMs: number): void {
    const parent = task.parent === undefined ? undefined : this.#ground.started(task.parent.attempt);
    if (parent !== undefined) parent.phase.attempt.children = (parent.phase.attempt.children ?? 0) + 1;
    this.#targets.charge(task, 1, 0);
    this.reopen(task, nowMs);
  }

  /** One that had ended, or was just made. */
  reopen(task: TaskCore, nowMs: number): void {
    this.#ground.port.save(task);
    this.#enter(task, nowMs);
    this.#settle(nowMs);
  }

  /** @param graceMs of what runs, when it is not the usual one. */
  cancel(task: TaskCore, by: string, why: string, nowMs: number, graceMs?: number): void {
    this.#cancel(task, by, why, nowMs, graceMs);
    this.#settle(nowMs);
  }

  #cancel(task: TaskCore, by: string, why: string, nowMs: number, graceMs?: number): void {
    if (task.finishedMs !== undefined) return;
    task.cancel ??= { atMs: nowMs, by, reason: why, ...(graceMs === undefined ? {} : { graceMs }) };
    const verdict = stoppedVerdict("cancelled", why === "" ? `Cancelled by ${by}.` : why);
    for (const target of task.targets) {
      switch (target.phase.at) {
        case "offered":
        case "pending":
          this.#targets.withdraw({ task, target }, nowMs);
          this.#targets.end(task, target, verdict);
          break;
        case "started":
          this.#targets.stop(target.phase, "cancelled", nowMs);
          break;
        case "ended":
          break;
      }
    }
    this.#ground.port.save(task);
    this.#targets.conclude(task, nowMs);
  }

  // ---- answers of hosts ---------------------------------------------------------------------

  offerAnswered(attempt: string, answer: Answer<OfferResult>, nowMs: number): void {
    const place = this.#ground.places.get(attempt);
    if (place?.target.phase.at !== "offered") return;
    const { host } = place.target.phase.attempt;
    const taken = answer.ok && answer.value.answer !== "refused" && !isOver(answer.value);
    if (taken) this.#targets.start(place, nowMs);
    else {
      this.#targets.withdraw(place, nowMs);
      if (answer.ok && answer.value.answer === "refused") this.#refusing.refused(place, host.id, answer.value.reason, nowMs);
      else if (!answer.ok && answer.neverSent === true && answer.error.code === "host_unreachable") this.#refusing.away(host.id, nowMs);
      else this.#refusing.avoid(place, host.id, nowMs);
    }
    this.#settle(nowMs);
  }

  startAnswered(attempt: string, answer: Answer<AttemptStatus>, again: boolean, nowMs: number): void {
    const place = this.#ground.started(attempt);
    if (place === undefined) return;
    if (answer.ok) this.#targets.status(place, answer.value, nowMs);
    else if (answer.neverSent === true || answer.error.code === "attempt_not_found") {
      // Asked for the first time and never heard: it may be offered anew. If not, it may have been heard before.
      if (!again) {
        this.#targets.withdraw(place, nowMs);
        this.#ground.port.save(place.task);
        this.#refusing.avoid(place, place.phase.attempt.host.id, nowMs);
      } else if (answer.neverSent !== true) this.#targets.missing(place, nowMs);
    } else if (!isUncertain(answer.error) && !place.phase.confirmed)
      this.#targets.finish(place, { outcome: "failed", reason: reasonOfError(answer.error) }, undefined, nowMs);
    this.#settle(nowMs);
  }

  cancelAnswered(attempt: string, answer: Answer<AttemptStatus>, nowMs: number): void {
    const place = this.#ground.started(attempt);
    if (place === undefined) return;
    const { task, phase } = place;
    if (answer.ok) this.#targets.status(place, answer.value, nowMs);
    else if (answer.error.code === "attempt_not_found" && phase.stop !== undefined) {
      // It may have run if the host ever said so.
      if (phase.attempt.startedMs !== undefined || phase.missingMs !== undefined) this.#targets.missing(place, nowMs);
      else this.#targets.finish(place, stoppedVerdict(phase.stop.why, this.#targets.stopDetail(task, phase)), undefined, nowMs);
    }
    this.#settle(nowMs);
  }

  /**
   * What a host was given and has not ended. Where that is nothing, it is given nothing for so long: whoever asked is about to
   * lead its link elsewhere. A new link ends that.
   */
  hold(host: string, forMs: number, nowMs: number): { task: string; attempt: string }[] {
    const given = this.#ground.givenTo(host);
    if (given.length === 0) this.#refusing.passOver(host, nowMs + forMs);
    this.#settle(nowMs);
    return given.map(({ task, attempt }) => ({ task: task.id, attempt: attempt.id }));
  }

  // ---- hosts --------------------------------------------------------------------------------

  hostUp(host: Omit<HostState, "up" | "doubted" | "ready" | "seenMs" | "countsFromMs">, nowMs: number): void {
    this.#desk.up(host, nowMs);
    this.#settle(nowMs);
  }

  /** @param heard somebody listened all the time: it is the host that was silent. */
  hostDown(id: string, link: string, seenMs: number, nowMs: number, heard = false): void {
    this.#desk.down(id, link, seenMs, nowMs, heard);
    this.#settle(nowMs);
  }

  /** What somebody who looked found. `connected`: its link is open, whatever comes over it. */
  hostSeen(id: string, lastSeenMs: number, connected: boolean, nowMs: number): void {
    this.#desk.seen(id, lastSeenMs, connected, nowMs);
    this.#settle(nowMs);
  }

  /** [TK2] Nobody was here for so long, and that is not what a host is called lost for. */
  unheard(forMs: number, nowMs: number): void {
    this.#desk.unheard(forMs, nowMs);
    this.#settle(nowMs);
  }

  hostChanged(id: string, change: HostChange, nowMs: number): void {
    this.#desk.changed(id, change);
    this.#settle(nowMs);
  }

  hostRemoved(id: string, nowMs: number): void {
    this.#desk.removed(id, nowMs);
    this.#settle(nowMs);
  }

  hostAttempts(id: string, link: string, items: readonly AttemptReport[], first: boolean, more: boolean, nowMs: number) {
    const acked = this.#desk.attempts(id, link, items, first, more, nowMs);
    this.#settle(nowMs);
    return acked;
  }

  report(host: string, report: AttemptReport, nowMs: number): Acknowledged {
    const answer = this.#desk.told(host, report, nowMs);
    this.#settle(nowMs);
    return answer;
  }

  // ---- time ---------------------------------------------------------------------------------

  tick(nowMs: number): void {
    for (const due of this.#ground.deadlines.takeDue(nowMs)) this.#due(due, nowMs);
    this.#settle(nowMs);
  }

  #due(due: Due, nowMs: number): void {
    switch (due.kind) {
      case "backoff":
        return this.#targets.admit(due.task, due.target, nowMs);
      case "schedule":
        return this.#targets.notStarted(due.task, nowMs);
      case "again":
        this.#ground.touched.add(due.host);
        return;
      case "silence":
        return this.#desk.silence(due.host, nowMs);
      case "offer": {
        const place = this.#ground.places.get(due.attempt);
        if (place?.target.phase.at !== "offered") return;
        const { host } = place.target.phase.attempt;
        this.#targets.withdraw(place, nowMs);
        return this.#refusing.avoid(place, host.id, nowMs);
      }
      case "timeout":
      case "start":
      case "stop":
        return this.#overdue(due.kind, due.attempt, nowMs);
    }
  }

  /** Something of a started attempt. */
  #overdue(kind: "timeout" | "start" | "stop", attempt: string, nowMs: number): void {
    const place = this.#ground.started(attempt);
    if (place === undefined) return;
    const { task, phase } = place;
    const up = this.hosts.get(phase.attempt.host.id)?.up === true;
    switch (kind) {
      case "timeout":
        this.#targets.stop(phase, "timeout", nowMs);
        return this.#ground.port.save(task);
      case "start":
        if (phase.confirmed) return;
        return up ? this.#ground.askStart(place, true, nowMs) : this.#ground.startAgain(phase, nowMs);
      case "stop":
        if (up && phase.stop !== undefined) this.#ground.port.cancel(phase.attempt, phase.stop.why);
        return this.#ground.stopAgain(phase, nowMs);
    }
  }

  // ---- inside -------------------------------------------------------------------------------

  #enter(task: TaskCore, nowMs: number): void {
    const { deadlines } = this.#ground;
    this.#ground.tasks.set(task.key, task);
    this.#targets.dependents.add(task);
    for (const target of task.targets) {
      const { phase } = target;
      if (phase.at !== "started") continue;
      this.#ground.occupy({ task, target }, phase.attempt);
      this.#ground.begun(phase);
      if (phase.confirmed) this.#ground.timeOut(task, phase);
      else deadlines.set(`start ${phase.attempt.id}`, nowMs, { kind: "start", attempt: phase.attempt.id });
      if (phase.stop !== undefined) this.#ground.stopAgain(phase, nowMs);
    }
    if (task.scheduleTimeoutMs !== undefined)
      deadlines.set(`schedule ${task.key}`, task.createdMs + task.scheduleTimeoutMs, { kind: "schedule", task });
    this.#targets.ready(task, nowMs);
  }

  /** Places that came free go to whose turn it is; who just became ready gets one that nobody waits for. */
  #settle(nowMs: number): void {
    this.#stopOverspent(nowMs);
    const { lineup, hosts, touched, fresh } = this.#ground;
    for (const id of touched) {
      const host = hosts.get(id);
      if (host === undefined) continue;
      for (let next = lineup.nextOn(host, nowMs); next !== undefined; next = lineup.nextOn(host, nowMs)) this.#give(next, host, nowMs);
    }
    touched.clear();
    for (const waiter of fresh) {
      const host = lineup.waiterOf(waiter.target) === waiter ? lineup.hostFor(waiter, hosts, nowMs) : undefined;
      if (host !== undefined) this.#give(waiter, host, nowMs);
    }
    fresh.clear();
  }

  /** Beneath a task whose budget is spent nothing goes on. */
  #stopOverspent(nowMs: number): void {
    const { overspent, tasks } = this.#ground;
    for (const [key, why] of overspent)
      for (const task of [...tasks.values()])
        if (task.above?.includes(key) === true && task.cancel === undefined) this.#cancel(task, "its budget", why, nowMs);
    overspent.clear();
  }

  #give(waiter: Waiter, host: HostState, nowMs: number): void {
    this.#ground.lineup.served(waiter);
    this.#ground.lineup.remove(waiter.target);
    this.#targets.offer(waiter, host, nowMs);
  }
}

/** Over before it was started: nothing ran, and nothing may under this fence. */
const isOver = (answer: OfferResult): boolean => answer.answer === "known" && answer.status.state === "ended";
