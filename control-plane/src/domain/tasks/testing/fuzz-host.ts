/**
 * The far side of the fuzz: a machine with its disk, its runners and a host-agent that comes and goes. It keeps the rules of
 * TK1 to TK4; what it may do beside that is to lie about attempts that are over, or none of its own.
 */
import type { AttemptEnd, AttemptReport, AttemptSpec, AttemptStatus, OfferResult } from "@maestro/shared/protocol/tasks";
import type { Clock, Ledger, Plan, Run } from "./fuzz-program.ts";

interface OnDisk {
  spec: AttemptSpec;
  target: number;
  status: AttemptStatus;
  run?: Run | undefined;
}

export interface HostWorld extends Clock {
  ledger: Ledger;
  random(): number;
  plan(task: string): Plan;
  /** Says something over the link, if there is one. */
  say(host: FuzzHost, report: AttemptReport): void;
  /** A start that comes twice is done twice. */
  spawnsTwice: boolean;
}

const STOP_MS = 25_000;

export class FuzzHost {
  readonly id: string;
  readonly #world: HostWorld;
  readonly disk = new Map<string, OnDisk>();
  /** Attempts it was told to forget: an offer that comes late must not make them anew. */
  readonly #forgotten = new Set<string>();
  /** The last that the host-agent heard of its link; runners watch it. */
  leaseMs: number;
  link: string | undefined;
  frozen = false;
  links = 0;
  /** Since when nothing was heard of it; the longest of these silences. */
  silentSinceMs: number;
  longestSilenceMs = 0;
  /** Of this silence: nobody was there who could have heard it. */
  #excusedMs = 0;
  reboots = 0;
  wipes = 0;
  /** [LK2] A copy has its place, which knows of nothing that is here. */
  copied = false;

  constructor(id: string, world: HostWorld) {
    this.id = id;
    this.#world = world;
    this.leaseMs = world.nowMs;
    this.silentSinceMs = world.nowMs;
  }

  get alive(): boolean {
    return this.link !== undefined && !this.frozen;
  }

  /** Its last ping. */
  get seenMs(): number {
    return this.alive ? this.#world.nowMs : this.silentSinceMs;
  }

  goneSilent(): void {
    this.#excusedMs = 0;
    this.silentSinceMs = this.#world.nowMs;
    this.leaseMs = this.#world.nowMs;
  }

  heardAgain(): void {
    this.longestSilenceMs = Math.max(this.longestSilenceMs, this.#world.nowMs - this.silentSinceMs - this.#excusedMs);
    this.leaseMs = this.#world.nowMs;
  }

  excused(ms: number): void {
    if (!this.alive) this.#excusedMs += ms;
  }

  offer(spec: AttemptSpec, target: number): OfferResult {
    if (this.copied) return { answer: "refused", reason: { code: "offer_refused", detail: "A copy." } };
    const known = this.disk.get(spec.attempt);
    if (known !== undefined) return { answer: "known", status: known.status };
    if (this.#forgotten.has(spec.attempt)) return { answer: "refused", reason: { code: "offer_refused", detail: "It is over." } };
    if (this.#world.random() < 0.08)
      return { answer: "refused", reason: { code: this.#world.random() < 0.7 ? "offer_refused" : "disk_low", detail: "not now" } };
    this.disk.set(spec.attempt, { spec, target, status: { state: "accepted" } });
    return { answer: "accepted" };
  }

  start(attempt: string): AttemptStatus | undefined {
    const known = this.#heard(attempt);
    if (known === undefined) return undefined;
    if (known.status.state === "accepted" || this.#world.spawnsTwice) this.#spawn(known);
    return known.status;
  }

  cancel(attempt: string): AttemptStatus | undefined {
    const known = this.#heard(attempt);
    if (known === undefined) return undefined;
    if (known.status.state === "accepted") this.#over(known, ended(this.#world.nowMs, "cancelled", null));
    else if (known.run !== undefined && known.run.endMs === undefined) {
      known.status = { state: "cancelling", sinceMs: this.#world.nowMs };
      this.#world.after(Math.floor(this.#world.random() * STOP_MS), () => this.#finish(known, "cancelled", null));
    }
    return known.status;
  }

  /** The end is stored, or nobody knows of it. */
  acked(attempt: string, fence: number, unknown: boolean): void {
    const known = this.#heard(attempt);
    if (known === undefined || known.spec.fence !== fence) return;
    if (known.run !== undefined && known.run.endMs === undefined) {
      if (!unknown) return;
      known.run.endMs = this.#world.nowMs;
      known.run.outcome = "cancelled";
    }
    this.disk.delete(attempt);
    this.#forgotten.add(attempt);
  }

  reports(): AttemptReport[] {
    if (this.copied) return [];
    return [...this.disk.values()].map(({ spec, status }) => ({ attempt: spec.attempt, fence: spec.fence, status }));
  }

  /** Everything that ran is dead; the disk says what it was. */
  reboot(): void {
    this.reboots += 1;
    for (const known of this.disk.values())
      if (known.run !== undefined && known.run.endMs === undefined) this.#finish(known, "lost", null, "host_reboot");
  }

  /** The machine comes back with nothing. */
  wipe(): void {
    this.wipes += 1;
    for (const { run } of this.disk.values())
      if (run !== undefined && run.endMs === undefined) {
        run.endMs = this.#world.nowMs;
        run.outcome = "lost";
      }
    this.disk.clear();
  }

  /** What somebody asks about comes to whoever has the link. */
  #heard(attempt: string): OnDisk | undefined {
    return this.copied ? undefined : this.disk.get(attempt);
  }

  #spawn(known: OnDisk): void {
    const { spec, target } = known;
    const { nowMs, ledger } = this.#world;
    const run = ledger.begin({ task: spec.task, target, attempt: spec.attempt, host: this.id, startMs: nowMs });
    known.run = run;
    known.status = { state: "running", startedMs: nowMs, pid: 1, workspace: "/w", logBytes: 0 };
    const { durationMs, exitCode } = this.#world.plan(spec.task);
    this.#world.after(Math.min(durationMs, spec.timeoutMs), () =>
      durationMs > spec.timeoutMs
        ? this.#finish(known, "timed_out", null, "timeout")
        : this.#finish(known, exitCode === 0 ? "completed" : "failed", exitCode, exitCode === 0 ? undefined : "exit_nonzero"),
    );
    if (spec.stopAfterMs !== undefined) this.#selfFence(known, spec.stopAfterMs);
  }

  /** [TK2] The runner looks at its lease by itself. */
  #selfFence(known: OnDisk, stopAfterMs: number): void {
    const leaseMs = this.alive ? this.#world.nowMs : this.leaseMs;
    const silentMs = this.#world.nowMs - leaseMs;
    if (known.run?.endMs !== undefined) return;
    if (silentMs >= stopAfterMs) return this.#finish(known, "lost", null, "host_lost");
    this.#world.after(Math.min(stopAfterMs - silentMs, 10_000), () => this.#selfFence(known, stopAfterMs));
  }

  #finish(
    known: OnDisk,
    outcome: AttemptEnd["outcome"],
    exitCode: number | null,
    code?: "timeout" | "exit_nonzero" | "host_reboot" | "host_lost",
  ): void {
    const { run } = known;
    if (run === undefined || run.endMs !== undefined) return;
    run.endMs = this.#world.nowMs;
    run.outcome = outcome;
    if (exitCode !== null) run.exitCode = exitCode;
    this.#over(known, {
      ...ended(this.#world.nowMs, outcome, exitCode),
      ...(code === undefined ? {} : { reason: { code, detail: code } }),
    });
  }

  #over(known: OnDisk, end: AttemptEnd): void {
    known.status = { state: "ended", end };
    this.#world.say(this, { attempt: known.spec.attempt, fence: known.spec.fence, status: known.status });
  }
}

const ended = (endedMs: number, outcome: AttemptEnd["outcome"], exitCode: number | null): AttemptEnd => ({ outcome, exitCode, endedMs });
