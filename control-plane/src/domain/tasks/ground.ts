/** What the parts of the board share: tasks, hosts, who is where, what is due; and how these change together. */
import type { BoardPort, BoardTimes } from "./board-port.ts";
import { Deadlines } from "./deadlines.ts";
import { Lineup, type Waiter } from "./lineup.ts";
import { attemptOf, silentSinceMs, type Attempt, type HostState, type Load, type Started, type Target, type TaskCore } from "./model.ts";

export type Due =
  | { kind: "offer" | "timeout" | "start" | "stop"; attempt: string }
  | { kind: "backoff"; target: Target; task: TaskCore }
  | { kind: "schedule"; task: TaskCore }
  | { kind: "silence" | "again"; host: string };

/** Where an attempt that is offered or started belongs. */
export interface Place {
  task: TaskCore;
  target: Target;
}
export interface StartedPlace extends Place {
  phase: Started;
}

export class Ground {
  readonly tasks = new Map<string, TaskCore>();
  readonly hosts = new Map<string, HostState>();
  readonly lineup = new Lineup();
  readonly deadlines = new Deadlines<Due>();
  readonly port: BoardPort;
  readonly times: BoardTimes;
  /** By attempt. */
  readonly places = new Map<string, Place>();
  /** Of what runs; gone with the attempt, or with this object, until its host tells it again. */
  readonly loads = new WeakMap<Attempt, Load>();
  /** Hosts where a place may have come free, and targets that may have become ready. */
  readonly touched = new Set<string>();
  readonly fresh = new Set<Waiter>();
  /** Keys of tasks beneath which everything is to end, and why. */
  readonly overspent = new Map<string, string>();
  /** Started attempts, by host. */
  readonly #started = new Map<string, Set<string>>();

  constructor(port: BoardPort, times: BoardTimes) {
    this.port = port;
    this.times = times;
  }

  started(attempt: string): StartedPlace | undefined {
    const place = this.places.get(attempt);
    return place?.target.phase.at === "started" ? { ...place, phase: place.target.phase } : undefined;
  }

  startedOn(host: string): StartedPlace[] {
    return [...(this.#started.get(host) ?? [])].flatMap((attempt) => this.started(attempt) ?? []);
  }

  /** Offered or started. */
  givenTo(host: string): { task: TaskCore; attempt: Attempt }[] {
    return [...this.places.values()].flatMap(({ task, target }) => {
      const attempt = attemptOf(target);
      return attempt?.host.id === host ? [{ task, attempt }] : [];
    });
  }

  isIdle(host: string): boolean {
    return (this.#started.get(host)?.size ?? 0) === 0;
  }

  occupy(place: Place, attempt: Attempt): void {
    this.places.set(attempt.id, place);
    this.lineup.occupy(place.task, place.target, attempt.host.id);
  }

  release({ task, target }: Place, attempt: Attempt): void {
    this.places.delete(attempt.id);
    this.lineup.release(task, target, attempt.host.id);
    this.#started.get(attempt.host.id)?.delete(attempt.id);
    for (const kind of ["offer", "start", "stop", "timeout"]) this.deadlines.clear(`${kind} ${attempt.id}`);
    this.touched.add(attempt.host.id);
    // Its group had a place taken on any host.
    if (task.group !== undefined) for (const id of this.hosts.keys()) this.touched.add(id);
  }

  /** It may run from now on. */
  begun({ attempt }: Started): void {
    const there = this.#started.get(attempt.host.id);
    if (there === undefined) this.#started.set(attempt.host.id, new Set([attempt.id]));
    else there.add(attempt.id);
  }

  /** @param again it may have been asked before. */
  askStart({ task, target, phase }: StartedPlace, again: boolean, nowMs: number): void {
    this.port.start(task, task.targets.indexOf(target), phase.attempt, again);
    this.startAgain(phase, nowMs);
  }

  startAgain({ attempt: { id } }: Started, nowMs: number): void {
    this.deadlines.set(`start ${id}`, nowMs + this.times.offerMs, { kind: "start", attempt: id });
  }

  stopAgain({ attempt: { id } }: Started, nowMs: number): void {
    this.deadlines.set(`stop ${id}`, nowMs + this.times.stopAgainMs, { kind: "stop", attempt: id });
  }

  timeOut({ timeoutMs }: TaskCore, { attempt, stop }: Started): void {
    if (stop !== undefined || attempt.startedMs === undefined) return;
    this.deadlines.set(`timeout ${attempt.id}`, attempt.startedMs + timeoutMs + this.times.slackMs, {
      kind: "timeout",
      attempt: attempt.id,
    });
  }

  /** [TK2] While something runs there, its silence counts. */
  watch(id: string, nowMs: number): void {
    const host = this.hosts.get(id);
    const name = `silence ${id}`;
    const some = !this.isIdle(id);
    const wanted = host?.doubted === true && this.lineup.wants(id);
    if (host === undefined || (!some && !wanted)) return this.deadlines.clear(name);
    const { leaseMs, lostMs } = this.times;
    if (!some) return this.deadlines.set(name, nowMs + leaseMs / 4, { kind: "silence", host: id });
    const sinceMs = silentSinceMs(host);
    const silentAtMs = sinceMs + leaseMs;
    const atMs = host.up || nowMs < silentAtMs ? silentAtMs : Math.min(sinceMs + lostMs, nowMs + leaseMs);
    this.deadlines.set(name, Math.max(atMs, host.up ? nowMs + leaseMs / 4 : 0), { kind: "silence", host: id });
  }
}
