/** Offers, and what this host takes of them. [TK1] */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { OFFER_TIMEOUT_MS } from "@maestro/shared/limits";
import type { RequestResult } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { isNoSpace, type Entry } from "./attempt-entry.ts";
import type { AttemptRoster } from "./attempt-roster.ts";
import { because } from "./attempt-state.ts";
import type { AttemptStore } from "./attempt-store.ts";
import { reasonOf } from "./reasons.ts";
import type { WaitingShells } from "./waiting-shells.ts";

export interface OfferDeps {
  store: AttemptStore;
  clock: Clock;
  log: Log;
  bootId: string;
  /** What can be refused before anything is made. */
  refuse(spec: AttemptSpec): MaestroError | undefined;
  maxConcurrent: number;
  draining(): boolean;
  /** Why there is too little room on the disk, if there is. */
  diskLow(): string | undefined;
}

/** An accepted one that nobody starts for so long takes nobody's place any more. */
const IDLE_SLOT_MS = 2 * OFFER_TIMEOUT_MS;

export class AttemptOffers {
  readonly #deps: OfferDeps;
  readonly #roster: AttemptRoster;
  readonly #waiting: WaitingShells;
  readonly #accepting = new Map<string, Promise<unknown>>();

  constructor(deps: OfferDeps, roster: AttemptRoster, waiting: WaitingShells) {
    this.#deps = deps;
    this.#roster = roster;
    this.#waiting = waiting;
  }

  async offer(attempt: string, fence: number, spec: AttemptSpec): Promise<Result<RequestResult<"task.offer">>> {
    if (spec.attempt !== attempt || spec.fence !== fence)
      return err(maestroError("field_invalid", "The spec is of another attempt than the offer.", { field: "spec" }));
    // The same offer twice at once: the second is answered with what became of the first. Nothing passes in between.
    while (this.accepting(attempt) !== undefined) await this.accepting(attempt);
    const known = this.#roster.known(attempt, fence);
    if (known !== undefined) return known.ok ? ok({ answer: "known", status: known.value }) : known;
    const refusal = this.#refuse(spec);
    if (refusal !== undefined) return ok({ answer: "refused", reason: refusal });
    const accepting = this.#accept(spec);
    this.#accepting.set(attempt, accepting);
    return accepting.finally(() => this.#accepting.delete(attempt));
  }

  /** Until it is written down, or is refused for it. Undefined: there is nothing to wait for. */
  accepting(attempt: string): Promise<unknown> | undefined {
    return this.#accepting.get(attempt);
  }

  async allAccepted(): Promise<void> {
    await Promise.allSettled(this.#accepting.values());
  }

  async #accept(spec: AttemptSpec): Promise<Result<RequestResult<"task.offer">>> {
    const { store, clock, bootId, log } = this.#deps;
    try {
      await store.accept(spec, clock.wallMs(), bootId, () => this.#waiting.want(spec.attempt));
    } catch (cause) {
      this.#waiting.done(spec.attempt);
      log.warn("an offer cannot be written down", {
        attempt: spec.attempt,
        cause: cause instanceof Error ? cause.message : String(cause),
      });
      return ok({
        answer: "refused",
        reason: because(isNoSpace(cause) ? "disk_low" : "offer_refused", "The host cannot write down that it takes it."),
      });
    }
    this.#roster.add(spec, spec.fence, { type: "accepted", sinceMs: clock.monotonicMs() });
    this.#waiting.answered(spec.attempt, (groups) => store.lay(spec.attempt, groups));
    return ok({ answer: "accepted" });
  }

  #refuse(spec: AttemptSpec): TaskReason | undefined {
    const { draining, maxConcurrent, diskLow, refuse } = this.#deps;
    if (draining()) return because("offer_refused", "The host drains: it takes no new work.");
    if (this.#busy() >= maxConcurrent) return because("offer_refused", `The host does ${maxConcurrent} tasks at once, and is at it.`);
    const low = diskLow();
    if (low !== undefined) return because("disk_low", low);
    const refusal = refuse(spec);
    return refusal === undefined ? undefined : reasonOf(refusal);
  }

  /** Those that hold one of the host's places. */
  #busy(): number {
    const nowMs = this.#deps.clock.monotonicMs();
    const holds = ({ state }: Entry) =>
      state.type === "preparing" || state.type === "live" || (state.type === "accepted" && nowMs - state.sinceMs < IDLE_SLOT_MS);
    return this.#accepting.size + this.#roster.all().filter(holds).length;
  }
}
