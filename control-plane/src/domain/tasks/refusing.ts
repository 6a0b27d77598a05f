/** Hosts that did not take an offer: which are asked again when, and when there is nobody left to ask. */
import { isTransient } from "@maestro/shared/contract/task-reasons";
import type { TaskReason } from "@maestro/shared/contract/tasks";
import { redialDelayMs } from "@maestro/shared/protocol/backoff";
import type { Ground, Place } from "./ground.ts";
import { suits } from "./placement.ts";
import type { Targets } from "./targets.ts";

/** A host that is merely busy is not counted; of other refusals so many are borne, or as many as the task has retries. */
const REFUSALS_BORNE = 2;
const MAX_DOUBLINGS = 4;

export class Refusing {
  readonly #ground: Ground;
  readonly #targets: Targets;

  constructor(ground: Ground, targets: Targets) {
    this.#ground = ground;
    this.#targets = targets;
  }

  /** The host could not be asked: others are, and it again in a while. */
  avoid(place: Place, host: string, nowMs: number): void {
    const untilMs = nowMs + redialDelayMs(0, this.#chance(), this.#ground.times.scale);
    this.#ground.lineup.refused(place.target, host, untilMs, "It could not be asked.", false);
    this.#askAgain(place, host, untilMs);
  }

  /**
   * It has no link, and nobody has told so yet: whatever waits is not sent there either, until it names what it has on a new
   * one, or for a while. One after the other they would keep everybody busy, and first of all who could tell.
   */
  away(host: string, nowMs: number): void {
    this.passOver(host, nowMs + redialDelayMs(0, this.#chance(), this.#ground.times.scale));
  }

  passOver(host: string, untilMs: number): void {
    this.#ground.lineup.away(host, untilMs);
    this.#ground.deadlines.set(`again ${host}`, untilMs, { kind: "again", host });
  }

  refused({ task, target }: Place, host: string, why: TaskReason, nowMs: number): void {
    const transient = isTransient(why.code);
    const tried = (this.#ground.lineup.refusals(target)?.count ?? 0) + 1;
    const untilMs = transient
      ? nowMs + redialDelayMs(Math.min(tried - 1, MAX_DOUBLINGS), this.#chance(), this.#ground.times.scale)
      : Infinity;
    const { until, count } = this.#ground.lineup.refused(target, host, untilMs, why.detail, why.code !== "offer_refused");
    const able = [...this.#ground.hosts.values()].filter((other) => suits(other, target, task));
    const hopeless = able.every(({ id }) => until.get(id) === Infinity);
    const borne = Math.max(task.retries, REFUSALS_BORNE) * Math.max(1, able.length);
    if (hopeless || (transient && count > borne)) {
      this.#targets.end(task, target, { outcome: "failed", reason: this.#byWhom(target, host, why) });
      this.#ground.port.save(task);
      return this.#targets.conclude(task, nowMs);
    }
    if (untilMs !== Infinity) this.#askAgain({ task, target }, host, untilMs);
  }

  /** Which host it was is not seen elsewhere: a refused offer leaves no attempt. */
  #byWhom(target: Place["target"], host: string, why: TaskReason): TaskReason {
    const name = target.host === undefined ? this.#ground.hosts.get(host)?.name : undefined;
    return name === undefined ? why : { ...why, detail: `Host '${name}' refused it: ${why.detail}`.slice(0, 2048) };
  }

  #askAgain({ task, target }: Place, host: string, atMs: number): void {
    this.#ground.deadlines.set(`again ${host} ${task.key} ${task.targets.indexOf(target)}`, atMs, { kind: "again", host });
  }

  /** Never at once. */
  #chance(): number {
    return 0.2 + 0.8 * this.#ground.port.random();
  }
}
