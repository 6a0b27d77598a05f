/**
 * The attempts of this host, from offer to acknowledged end [TK1] [TK3] [TK4]. What is true of one is on disk; in memory is
 * only what has not been acknowledged yet.
 */
import type { HostFrame, RequestResult } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { FrameOf } from "../link/dispatch.ts";
import { adoptAttempts, type AdoptionDeps } from "./attempt-adoption.ts";
import { AttemptEnds } from "./attempt-ends.ts";
import { AttemptOffers, type OfferDeps } from "./attempt-offers.ts";
import { AttemptRemoval, type RemovalDeps } from "./attempt-removal.ts";
import { AttemptRoster } from "./attempt-roster.ts";
import { AttemptSecrets, type SecretsDeps } from "./attempt-secrets.ts";
import { AttemptStarts, type StartDeps } from "./attempt-starts.ts";
import { AttemptTelling } from "./attempt-telling.ts";
import { WaitingShells, type WaitingDeps } from "./waiting-shells.ts";

export interface AttemptsDeps extends OfferDeps, StartDeps, WaitingDeps, Omit<RemovalDeps, "logs">, Omit<SecretsDeps, "logs"> {
  logs: AdoptionDeps["logs"] & RemovalDeps["logs"] & SecretsDeps["logs"];
  timeScale: number;
  send(frame: HostFrame): void;
  /** Since the machine that runs them was started. */
  uptimeCs(): number;
}

const LOOK_MS = 1_000;
/** [LK8] */
const TELL_USAGE_MS = 30_000;

export class Attempts {
  readonly #deps: AttemptsDeps;
  readonly #abort = new AbortController();
  readonly #roster: AttemptRoster;
  readonly #telling: AttemptTelling;
  readonly #secrets: AttemptSecrets;
  readonly #waiting: WaitingShells;
  readonly #offers: AttemptOffers;
  readonly #ends: AttemptEnds;
  readonly #starts: AttemptStarts;
  readonly #removal: AttemptRemoval;

  constructor(deps: AttemptsDeps) {
    this.#deps = deps;
    this.#roster = new AttemptRoster(deps.store);
    this.#telling = new AttemptTelling(this.#roster, deps.send);
    this.#secrets = new AttemptSecrets(deps);
    this.#ends = new AttemptEnds(deps, this.#telling, this.#secrets, this.#abort.signal);
    this.#waiting = new WaitingShells(deps, this.#abort.signal);
    this.#starts = new AttemptStarts(deps, { ends: this.#ends, telling: this.#telling, waiting: this.#waiting }, this.#abort.signal);
    this.#offers = new AttemptOffers(deps, this.#roster, this.#waiting);
    this.#removal = new AttemptRemoval(deps, this.#roster, this.#offers);
  }

  /** Takes up what an earlier process left; before the first link. */
  adopt(): void {
    adoptAttempts(this.#deps, this.#roster, this.#ends);
  }

  /** Until aborted: looks after what runs, forgets what nobody wants. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale } = this.#deps;
    signal.addEventListener("abort", () => this.#abort.abort(), { once: true });
    let toldMs = clock.monotonicMs();
    while (!signal.aborted) {
      this.#removal.sweep();
      this.#secrets.look();
      const lives = this.#roster.all().flatMap(({ state }) => (state.type === "live" ? [state.live] : []));
      for (const live of lives) live.look();
      const isTime = clock.monotonicMs() - toldMs >= TELL_USAGE_MS * timeScale;
      if (isTime) toldMs = clock.monotonicMs();
      if (lives.length > 0) this.#telling.tellUsage(isTime);
      this.#removal.forget();
      if (this.#roster.all().length > 0) await pause(clock, LOOK_MS * timeScale, signal);
      else await this.#roster.woken(signal);
    }
    await this.#offers.allAccepted();
  }

  offer(attempt: string, fence: number, spec: AttemptSpec): Promise<Result<RequestResult<"task.offer">>> {
    return this.#offers.offer(attempt, fence, spec);
  }

  async start({ attempt, fence, sealed }: Omit<FrameOf<"task.start">, "t" | "id">): Promise<Result<RequestResult<"task.start">>> {
    while (this.#offers.accepting(attempt) !== undefined) await this.#offers.accepting(attempt);
    const entry = this.#roster.get(attempt);
    if (entry !== undefined) await this.#starts.start(entry, fence, sealed);
    return this.#roster.answer(attempt, fence);
  }

  async cancel({ attempt, fence, graceMs, why }: Omit<FrameOf<"task.cancel">, "t" | "id">): Promise<Result<RequestResult<"task.cancel">>> {
    while (this.#offers.accepting(attempt) !== undefined) await this.#offers.accepting(attempt);
    const entry = this.#roster.get(attempt);
    if (entry !== undefined && entry.fence === fence) {
      if (entry.state.type === "accepted") this.#waiting.done(attempt);
      this.#ends.cancel(entry, { why, atMs: this.#deps.clock.wallMs(), graceMs });
    }
    return this.#roster.answer(attempt, fence);
  }

  cleanup(frame: Omit<FrameOf<"task.cleanup">, "t" | "id">): Promise<Result<RequestResult<"task.cleanup">>> {
    return this.#removal.cleanup(frame);
  }

  /** [TK3] */
  ack({ attempt, fence, unknown }: Omit<FrameOf<"task.ack">, "t">): void {
    const { store, logs, log, clock, passed } = this.#deps;
    const entry = this.#roster.get(attempt);
    if (entry === undefined || entry.fence !== fence) return;
    if (entry.state.type === "ended") {
      this.#roster.delete(attempt);
      store.mark(attempt, "acked");
      passed("acked");
      if (entry.state.end.log === undefined) store.mark(attempt, "shipped");
      logs.close(attempt);
      return;
    }
    if (unknown !== true) return;
    log.warn("the control plane knows nothing of an attempt; it is ended", { attempt });
    this.#ends.cancel(entry, { why: "superseded", atMs: clock.wallMs(), graceMs: 0 });
  }

  /** [TK5] */
  secrets(frame: Omit<FrameOf<"task.secrets">, "t">): void {
    this.#secrets.answer(frame);
  }

  /** After `welcome`, and what is told then. */
  linkUp(): void {
    this.#secrets.linkUp();
    this.renewLeases();
    this.#waiting.settle();
  }

  linkDown(): void {
    this.#secrets.linkDown();
  }

  /** The host drains, or takes work again. */
  drained(): void {
    this.#waiting.settle();
  }

  workingIn(dir: string): string | undefined {
    return this.#roster.worksBelow(dir);
  }

  reports(): HostFrame[] {
    return this.#telling.everything();
  }

  /** [TK2] The control plane has seen this host just now. */
  renewLeases(): void {
    const { store, uptimeCs, log } = this.#deps;
    for (const { attempt, spec, state } of this.#roster.all()) {
      if (state.type !== "live" || spec.stopAfterMs === undefined) continue;
      try {
        store.touchLease(attempt, uptimeCs());
      } catch (cause) {
        log.warn("a lease cannot be renewed", { attempt, cause: cause instanceof Error ? cause.message : String(cause) });
      }
    }
  }

  /** The edge has all of an ended log. */
  shipped(attempt: string): void {
    this.#deps.store.mark(attempt, "shipped");
  }
}
