/** What hosts do and say: that they are there or silent, and how their attempts stand. */
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import type { Ground, StartedPlace } from "./ground.ts";
import { attemptOf, silentSinceMs, type HostState } from "./model.ts";
import { lost, reason, saidOf, type Verdict } from "./outcome.ts";
import type { Targets } from "./targets.ts";

/** What may become different about a host while its link is up. */
export type HostChange = Partial<Omit<HostState, "id" | "link" | "up" | "doubted" | "ready" | "seenMs" | "countsFromMs">>;

export interface Acknowledged {
  ack: boolean;
  unknown?: boolean | undefined;
}

export class HostDesk {
  readonly #ground: Ground;
  readonly #targets: Targets;
  /** What a host has named since its link is up, while it is at it. */
  readonly #naming = new Map<string, Set<string>>();

  constructor(ground: Ground, targets: Targets) {
    this.#ground = ground;
    this.#targets = targets;
  }

  /** [TK3] Nothing is offered until it has named what it has. */
  up(host: Omit<HostState, "up" | "ready" | "seenMs" | "countsFromMs">, nowMs: number): void {
    this.#naming.delete(host.id);
    const next: HostState = { ...host, up: true, ready: false, seenMs: nowMs };
    this.#ground.hosts.set(host.id, next);
    this.#dropOffers(host.id, nowMs);
    this.#ground.port.saveHost(next);
    this.#ground.watch(host.id, nowMs);
  }

  down(id: string, link: string, seenMs: number, nowMs: number, heard: boolean): void {
    const host = this.#ground.hosts.get(id);
    if (host?.link !== link) return;
    this.#naming.delete(id);
    if (!heard) this.#unwatched(host, seenMs, nowMs);
    this.#silent(host, seenMs, false, nowMs);
  }

  /** What somebody who looked found. `connected`: its link is open, whatever comes over it. */
  seen(id: string, lastSeenMs: number, connected: boolean, nowMs: number): void {
    const host = this.#ground.hosts.get(id);
    if (host === undefined) return;
    if (connected && nowMs - lastSeenMs < this.#ground.times.leaseMs) {
      host.seenMs = Math.max(host.seenMs, lastSeenMs);
      // One whose link went comes back with a new one, and names what it has first.
      if (host.doubted === true) {
        host.up = true;
        host.doubted = undefined;
        this.#ground.port.saveHost(host);
        this.#ground.touched.add(id);
      }
    } else if (host.up || (host.doubted === true && !connected)) {
      if (!connected) this.#unwatched(host, lastSeenMs, nowMs);
      this.#silent(host, Math.max(host.up ? 0 : host.seenMs, lastSeenMs), connected, nowMs);
    }
    this.#losses(host, nowMs);
    this.#ground.watch(id, nowMs);
  }

  /**
   * [TK2] Nobody was here to hear anything for so long. That is no silence of hosts, and they get a lease to come back in
   * before it counts on.
   */
  unheard(forMs: number, nowMs: number): void {
    for (const host of this.#ground.hosts.values()) {
      if (this.#ground.isIdle(host.id)) continue;
      host.countsFromMs = host.up ? nowMs : Math.min(nowMs, silentSinceMs(host) + forMs + this.#ground.times.leaseMs);
      this.#ground.port.saveHost(host);
      this.#ground.watch(host.id, nowMs);
    }
  }

  changed(id: string, change: HostChange): void {
    const host = this.#ground.hosts.get(id);
    if (host === undefined) return;
    Object.assign(host, change);
    this.#ground.port.saveHost(host);
    this.#ground.touched.add(id);
  }

  removed(id: string, nowMs: number): void {
    const name = this.#ground.hosts.get(id)?.name ?? id;
    this.#dropOffers(id, nowMs);
    this.#ground.hosts.delete(id);
    this.#ground.lineup.back(id);
    this.#ground.port.forgetHost(id);
    this.#ground.deadlines.clear(`silence ${id}`);
    for (const place of this.#ground.startedOn(id)) this.#targets.finish(place, lost(`Host '${name}' was removed.`), undefined, nowMs);
    for (const task of [...this.#ground.tasks.values()]) {
      const mine = task.targets.filter(({ host, phase }) => host?.id === id && phase.at === "pending");
      if (mine.length === 0) continue;
      const gone: Verdict = { outcome: "failed", reason: reason("no_capable_host", `Host '${name}' was removed.`) };
      for (const target of mine) this.#targets.end(task, target, gone);
      this.#ground.port.save(task);
      this.#targets.conclude(task, nowMs);
    }
  }

  /** [TK3] A page of what a host has; those of its attempts that it need not tell again. */
  attempts(
    id: string,
    link: string,
    items: readonly AttemptReport[],
    first: boolean,
    more: boolean,
    nowMs: number,
  ): { attempt: string; fence: number; unknown?: boolean | undefined }[] {
    const host = this.#ground.hosts.get(id);
    if (host?.link !== link) return [];
    if (first) this.#naming.set(id, new Set());
    const named = this.#naming.get(id);
    const acked = items.flatMap((item) => {
      named?.add(item.attempt);
      const { ack, unknown } = this.told(id, item, nowMs);
      return ack ? [{ attempt: item.attempt, fence: item.fence, ...(unknown === true ? { unknown } : {}) }] : [];
    });
    if (!more) this.#named(host, named, nowMs);
    return acked;
  }

  told(host: string, report: AttemptReport, nowMs: number): Acknowledged {
    const ended = report.status.state === "ended";
    const place = this.#ground.places.get(report.attempt);
    const current = place === undefined ? undefined : attemptOf(place.target);
    if (place === undefined || current?.host.id !== host || current.fence !== report.fence) return this.#toldOfPast(host, report);
    const { phase } = place.target;
    if (phase.at === "started") {
      const started = { ...place, phase };
      this.#targets.status(started, report.status, nowMs);
      if (report.status.state === "accepted" && !phase.confirmed) this.#unbegun(started, nowMs);
      return { ack: ended };
    }
    // It was not started from here: whatever is there must not be taken for it.
    if (report.status.state === "accepted") return { ack: false };
    this.#ground.port.evidence(host, report);
    return { ack: ended };
  }

  /** Its start did not arrive. What is to be stopped needs none: it never begins. */
  #unbegun(place: StartedPlace, nowMs: number): void {
    const { attempt, stop } = place.phase;
    if (stop === undefined) this.#ground.askStart(place, true, nowMs);
    else this.#ground.port.cancel(attempt, stop.why);
  }

  #toldOfPast(host: string, report: AttemptReport): Acknowledged {
    const past = this.#ground.port
      .taskOf(report.attempt)
      ?.targets.flatMap((target) => target.past)
      .find(({ id }) => id === report.attempt);
    if (past === undefined || past.host.id !== host) return { ack: true, unknown: true };
    if (report.status.state === "ended") {
      if (past.fence !== report.fence || past.said !== saidOf(report.status.end)) this.#ground.port.evidence(host, report);
      return { ack: true };
    }
    // It is over here, whatever it still does there.
    this.#ground.port.cancel(past, "superseded");
    return { ack: false };
  }

  /**
   * [TK3] What was started and is not named is not there, unless it was started on this very link while the list was on its
   * way: so it is asked for once more, and again if the host does not know it then.
   */
  #named(host: HostState, named: ReadonlySet<string> | undefined, nowMs: number): void {
    this.#naming.delete(host.id);
    for (const place of this.#ground.startedOn(host.id)) {
      const { phase } = place;
      const isNamed = named?.has(phase.attempt.id) === true;
      // Who says on this link that it is not there need not be who said so on another.
      if (!isNamed) phase.missingMs = undefined;
      if (phase.stop !== undefined) this.#ground.port.cancel(phase.attempt, phase.stop.why);
      else if (!isNamed) {
        phase.confirmed = false;
        this.#ground.askStart(place, true, nowMs);
      }
    }
    host.up = true;
    host.doubted = undefined;
    host.ready = true;
    this.#ground.lineup.back(host.id);
    host.seenMs = nowMs;
    this.#ground.port.saveHost(host);
    this.#ground.touched.add(host.id);
    this.#ground.watch(host.id, nowMs);
  }

  /** [TK2] Its link is told or found to be gone so late only if nobody was here meanwhile: it went with the process. */
  #unwatched(host: HostState, seenMs: number, nowMs: number): void {
    if (host.up && nowMs - seenMs >= this.#ground.times.leaseMs / 2) host.countsFromMs = nowMs;
  }

  #silent(host: HostState, seenMs: number, doubted: boolean, nowMs: number): void {
    host.up = false;
    host.doubted = doubted ? true : undefined;
    host.seenMs = Math.min(nowMs, seenMs);
    this.#ground.port.saveHost(host);
    this.#dropOffers(host.id, nowMs);
    this.#ground.watch(host.id, nowMs);
  }

  /** Offers die with their link. */
  #dropOffers(host: string, nowMs: number): void {
    for (const place of [...this.#ground.places.values()])
      if (place.target.phase.at === "offered" && place.target.phase.attempt.host.id === host) this.#targets.withdraw(place, nowMs);
  }

  /** Nothing is given up before somebody has looked: it may be back since. */
  silence(id: string, nowMs: number): void {
    if (!this.#ground.hosts.has(id)) return;
    this.#ground.port.look(id);
    this.#ground.deadlines.set(`silence ${id}`, nowMs + this.#ground.times.leaseMs, { kind: "silence", host: id });
  }

  #losses(host: HostState, nowMs: number): void {
    const { id, name, up, seenMs } = host;
    if (up) return;
    const silentMs = nowMs - silentSinceMs(host);
    const { leaseMs, lostMs } = this.#ground.times;
    for (const place of this.#ground.startedOn(id)) {
      if (silentMs < (place.task.onLost === "fail" ? leaseMs : lostMs)) continue;
      const detail = `Host '${name}' was last seen ${new Date(seenMs).toISOString()}.`;
      this.#targets.finish(place, lost(detail, "It may have run on. Is the machine on?"), undefined, nowMs);
    }
  }
}
