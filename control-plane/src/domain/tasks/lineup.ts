/** Who waits for a turn, what is taken (places of hosts, agents, groups), and whose turn it is when something comes free. */
import { FairQueue, type QueueItem } from "./fair-queue.ts";
import type { HostState, Target, TaskCore } from "./model.ts";
import { suits, takesWork } from "./placement.ts";

export interface Waiter extends QueueItem {
  task: TaskCore;
  target: Target;
}

/** Targets that any of several hosts may take. */
const ANYWHERE = "";

/** Hosts that refused a target, and until when they are not asked again. Forgotten with the object: then they are asked anew. */
export interface Refusals {
  count: number;
  until: Map<string, number>;
  last: string;
}

export class Lineup {
  readonly #lines = new Map<string, FairQueue<Waiter>>();
  readonly #waiters = new Map<Target, Waiter>();
  readonly #load = new Map<string, number>();
  /** The task that keeps an agent busy. */
  readonly #agents = new Map<string, TaskCore>();
  readonly #groups = new Map<string, number>();
  readonly #refusals = new WeakMap<Target, Refusals>();
  /** Hosts that could not be reached, and until when none is sent there. */
  readonly #away = new Map<string, number>();

  add(task: TaskCore, target: Target, sinceMs: number): void {
    if (this.#waiters.has(target)) return;
    const { priority, credential, lane } = task;
    const place = target.host === undefined ? target.selector?.host : undefined;
    const waiter: Waiter = { priority, credential, lane, sinceMs, place, task, target };
    this.#waiters.set(target, waiter);
    this.#line(target).add(waiter);
  }

  remove(target: Target): void {
    const waiter = this.#waiters.get(target);
    if (waiter === undefined) return;
    this.#waiters.delete(target);
    this.#line(target).remove(waiter);
  }

  occupy(task: TaskCore, target: Target, host: string): void {
    this.#load.set(host, this.load(host) + 1);
    if (target.agent !== undefined) this.#agents.set(target.agent.id, task);
    if (task.group !== undefined) this.#groups.set(task.group.name, this.inGroup(task.group.name) + 1);
  }

  release(task: TaskCore, target: Target, host: string): void {
    this.#load.set(host, Math.max(0, this.load(host) - 1));
    if (target.agent !== undefined) this.#agents.delete(target.agent.id);
    if (task.group === undefined) return;
    const left = this.inGroup(task.group.name) - 1;
    if (left > 0) this.#groups.set(task.group.name, left);
    else this.#groups.delete(task.group.name);
  }

  /** Something waits that this host may be asked for. */
  wants(host: string): boolean {
    return (this.#lines.get(host)?.size ?? 0) + (this.#lines.get(ANYWHERE)?.size ?? 0) > 0;
  }

  load(host: string): number {
    return this.#load.get(host) ?? 0;
  }

  busyWith(agent: string): TaskCore | undefined {
    return this.#agents.get(agent);
  }

  inGroup(name: string): number {
    return this.#groups.get(name) ?? 0;
  }

  refusals(target: Target): Refusals | undefined {
    return this.#refusals.get(target);
  }

  refused(target: Target, host: string, untilMs: number, last: string, counted: boolean): Refusals {
    const refusals = this.#refusals.get(target) ?? { count: 0, until: new Map<string, number>(), last };
    if (counted) refusals.count += 1;
    refusals.until.set(host, untilMs);
    refusals.last = last;
    this.#refusals.set(target, refusals);
    return refusals;
  }

  away(host: string, untilMs: number): void {
    this.#away.set(host, untilMs);
  }

  back(host: string): void {
    this.#away.delete(host);
  }

  /** Whose turn it is on this host; undefined: nobody's, or it has no place left. */
  nextOn(host: HostState, nowMs: number): Waiter | undefined {
    if (!this.#hasPlace(host, nowMs)) return undefined;
    const admits = ({ task, target }: Waiter): boolean => this.#free(task, target, host, nowMs);
    const own = this.#lines.get(host.id)?.next(admits, nowMs);
    const any = this.#lines.get(ANYWHERE)?.next(admits, nowMs, [host.id, host.name]);
    if (own === undefined || any === undefined) return own ?? any;
    return any.priority < own.priority || (any.priority === own.priority && any.sinceMs < own.sinceMs) ? any : own;
  }

  /** The host that is least busy of those that could take this one now. */
  hostFor({ task, target }: Waiter, hosts: ReadonlyMap<string, HostState>, nowMs: number): HostState | undefined {
    const some = target.host === undefined ? hosts.values() : [hosts.get(target.host.id)];
    let best: { host: HostState; load: number } | undefined;
    for (const host of some) {
      if (host === undefined || !this.#hasPlace(host, nowMs) || !this.#free(task, target, host, nowMs)) continue;
      const load = this.load(host.id) / host.maxConcurrent;
      if (best === undefined || load < best.load) best = { host, load };
    }
    return best?.host;
  }

  waiterOf(target: Target): Waiter | undefined {
    return this.#waiters.get(target);
  }

  served(waiter: Waiter): void {
    this.#line(waiter.target).served(waiter);
  }

  #hasPlace(host: HostState, nowMs: number): boolean {
    return takesWork(host) && (this.#away.get(host.id) ?? 0) <= nowMs && this.load(host.id) < host.maxConcurrent;
  }

  #free(task: TaskCore, target: Target, host: HostState, nowMs: number): boolean {
    if (target.agent !== undefined && this.#agents.has(target.agent.id)) return false;
    if (task.group !== undefined && this.inGroup(task.group.name) >= task.group.limit) return false;
    return (this.#refusals.get(target)?.until.get(host.id) ?? 0) <= nowMs && suits(host, target, task);
  }

  #line({ host }: Target): FairQueue<Waiter> {
    const name = host?.id ?? ANYWHERE;
    const found = this.#lines.get(name);
    if (found !== undefined) return found;
    const line = new FairQueue<Waiter>();
    this.#lines.set(name, line);
    return line;
  }
}
