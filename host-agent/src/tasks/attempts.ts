/**
 * The attempts of this host, from offer to acknowledged end [TK1] [TK3] [TK4]. What is true of one is on disk; in memory is
 * only what has not been acknowledged yet.
 */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import { maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { LOST_AFTER_MS, OFFER_TIMEOUT_MS, PAGE_BYTES, TASK_RETENTION_MS } from "@maestro/shared/limits";
import type { HostFrame, RequestResult } from "@maestro/shared/protocol/link";
import type { AttemptEnd, AttemptReport, AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import type { FrameOf } from "../link/dispatch.ts";
import { pages } from "../link/pages.ts";
import { isNoSpace, runnerOf, stale, type Entry, type EntryState, type Own } from "./attempt-entry.ts";
import type { LaunchNote } from "./attempt-files.ts";
import { because, endUnstarted, judge, type Standing } from "./attempt-state.ts";
import { boundReport } from "./bound-report.ts";
import { LiveAttempt, type Following, type LiveDeps } from "./live-attempt.ts";
import { reasonOf } from "./reasons.ts";
import { startRunner } from "./runner.ts";
import type { WorkPlan } from "./work-plan.ts";
import type { Removal } from "./worktree.ts";

export interface AttemptsDeps extends LiveDeps {
  logs: LiveDeps["logs"] & { close(attempt: string): void; drop(attempt: string): void };
  bootId: string;
  /** The installed runner, and the argvs of shells that may run it, best first. */
  runner: string;
  shells(attempt: string): readonly (readonly string[])[];
  /** What can be refused before anything is made. */
  refuse(spec: AttemptSpec): MaestroError | undefined;
  plan(spec: AttemptSpec, sealed: Readonly<Record<string, string>>, log: string): Promise<Result<WorkPlan>>;
  unseal(sealed: string, attempt: string, fence: number): Result<Record<string, string>>;
  removeWorkspace(note: LaunchNote, spec: AttemptSpec): Promise<Removal>;
  /** Of a child that was adopted: what to blot out of its log. */
  secretsOf(spec: AttemptSpec, child: number | undefined): string[];
  maxConcurrent: number;
  draining(): boolean;
  /** Why there is too little room on the disk, if there is. */
  diskLow(): string | undefined;
  uptimeCs(): number;
  send(frame: HostFrame): void;
  /** Named between every two effects. */
  passed(step: string): void;
}

/** An accepted one that nobody starts for so long takes nobody's place any more, and later is forgotten. */
const IDLE_SLOT_MS = 2 * OFFER_TIMEOUT_MS;
const FORGET_AFTER_MS = 2 * LOST_AFTER_MS;
/** Of a `start`: what takes longer (a large worktree) is answered with how it stands. */
const START_PATIENCE_MS = 8_000;
const LOOK_MS = 1_000;
const SETTLE_MS = 20;
/** [LK8] */
const TELL_USAGE_MS = 30_000;
const MAX_PAGE_REPORTS = 100;

export class Attempts {
  readonly #deps: AttemptsDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #accepting = new Map<string, Promise<unknown>>();
  readonly #abort = new AbortController();
  #wake = Promise.withResolvers<void>();
  readonly #told = new Map<string, string>();

  constructor(deps: AttemptsDeps) {
    this.#deps = deps;
  }

  /** Takes up what an earlier process left; before the first link. */
  adopt(): void {
    const { store, clock, bootId, log } = this.#deps;
    for (const attempt of store.list()) {
      const files = store.read(attempt);
      if (files.acked && files.shipped) continue;
      const { intent, spec, launch } = files;
      const standing = judge(files, { bootId, wallMs: clock.wallMs() });
      if (standing.type === "void" || intent === undefined || spec === undefined) {
        store.remove(attempt);
        continue;
      }
      if (files.acked) {
        this.#reopenLog(spec);
        continue;
      }
      const entry = this.#add(spec, intent.fence, { type: "accepted", sinceMs: clock.monotonicMs() });
      if (standing.type === "accepted") continue;
      log.info("an attempt is taken up", { attempt, standing: standing.type });
      if (standing.type === "ended") {
        entry.state = { type: "ended", end: standing.end, workspace: launch?.workspace };
        if (standing.end.log !== undefined) this.#reopenLog(spec);
      } else if (standing.type === "starting") {
        const begun = this.#settled(attempt).then((settled) => this.#follow(entry, settled, undefined));
        entry.state = { type: "preparing", begun, cancelled: false };
      } else this.#follow(entry, standing, undefined);
    }
  }

  /** Until aborted: looks after what runs, forgets what nobody wants. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale } = this.#deps;
    signal.addEventListener("abort", () => this.#abort.abort(), { once: true });
    let sweptMs = Number.NEGATIVE_INFINITY;
    let toldMs = clock.monotonicMs();
    while (!signal.aborted) {
      if (clock.monotonicMs() - sweptMs > TASK_RETENTION_MS / 14) {
        sweptMs = clock.monotonicMs();
        this.#sweep();
      }
      const lives = [...this.#entries.values()].flatMap(({ state }) => (state.type === "live" ? [state.live] : []));
      for (const live of lives) live.look();
      if (lives.length > 0 && clock.monotonicMs() - toldMs >= TELL_USAGE_MS * timeScale) {
        toldMs = clock.monotonicMs();
        this.#tellUsage();
      }
      this.#forget();
      if (this.#entries.size > 0) await pause(clock, LOOK_MS * timeScale, signal);
      else await this.#woken(signal);
    }
    await Promise.allSettled(this.#accepting.values());
  }

  async offer(attempt: string, fence: number, spec: AttemptSpec): Promise<Result<RequestResult<"task.offer">>> {
    if (spec.attempt !== attempt || spec.fence !== fence)
      return err(maestroError("field_invalid", "The spec is of another attempt than the offer.", { field: "spec" }));
    // The same offer twice at once: the second is answered with what became of the first. Nothing passes in between.
    while (this.#accepting.has(attempt)) await this.#accepting.get(attempt);
    const known = this.#known(attempt, fence);
    if (known !== undefined) return known.ok ? ok({ answer: "known", status: known.value }) : known;
    const refusal = this.#refuseOffer(spec);
    if (refusal !== undefined) return ok({ answer: "refused", reason: refusal });
    const accepting = this.#accept(spec);
    this.#accepting.set(attempt, accepting);
    return accepting.finally(() => this.#accepting.delete(attempt));
  }

  async start({ attempt, fence, sealed }: Omit<FrameOf<"task.start">, "t" | "id">): Promise<Result<RequestResult<"task.start">>> {
    const { clock, timeScale } = this.#deps;
    while (this.#accepting.has(attempt)) await this.#accepting.get(attempt);
    const entry = this.#entries.get(attempt);
    if (entry?.state.type === "accepted" && entry.fence === fence) {
      const secrets = sealed === "" ? ok({}) : this.#deps.unseal(sealed, attempt, fence);
      if (secrets.ok) {
        const begun = this.#begin(entry, secrets.value);
        if (entry.state.type === "accepted") entry.state = { type: "preparing", begun, cancelled: false };
      } else this.#finishUnstarted(entry, endUnstarted("failed", reasonOf(secrets.error), this.#serverMs()));
    }
    if (entry?.state.type === "preparing") {
      const { begun } = entry.state;
      const patience = new AbortController();
      const first = await Promise.race([
        entry.state.begun.then(() => "begun"),
        pause(clock, Math.max(START_PATIENCE_MS * timeScale, 2_000), AbortSignal.any([patience.signal, this.#abort.signal])),
      ]);
      patience.abort();
      // Told as soon as there is something to tell.
      if (first !== "begun") void begun.then(() => this.#deps.send({ t: "task.status", report: this.#report(entry) }));
    }
    return this.#answer(attempt, fence);
  }

  async cancel({ attempt, fence, graceMs, why }: Omit<FrameOf<"task.cancel">, "t" | "id">): Promise<Result<RequestResult<"task.cancel">>> {
    while (this.#accepting.has(attempt)) await this.#accepting.get(attempt);
    const entry = this.#entries.get(attempt);
    if (entry !== undefined && entry.fence === fence) this.#cancel(entry, { why, atMs: this.#deps.clock.wallMs(), graceMs });
    return this.#answer(attempt, fence);
  }

  async cleanup({ attempt, keepLogs }: Omit<FrameOf<"task.cleanup">, "t" | "id">): Promise<Result<RequestResult<"task.cleanup">>> {
    const { store, logs } = this.#deps;
    const entry = this.#entries.get(attempt);
    if (entry !== undefined && entry.state.type !== "ended")
      return err(maestroError("workspace_busy", "The attempt has not ended.", { hint: "Cancel it first: maestro task cancel." }));
    if (!store.has(attempt)) return ok({ outcome: "absent" });
    const { launch, spec } = store.read(attempt);
    const busy = launch === undefined ? undefined : this.#worksIn(launch.workspace, attempt);
    if (busy !== undefined)
      return err(
        maestroError("workspace_busy", `Attempt ${busy} works in '${launch?.workspace ?? ""}'.`, { hint: "Wait for it, or cancel it." }),
      );
    const removal: Removal =
      launch === undefined || spec === undefined ? { outcome: "absent" } : await this.#deps.removeWorkspace(launch, spec);
    if (!keepLogs && entry === undefined) {
      logs.drop(attempt);
      store.remove(attempt);
    }
    return ok(removal.outcome === "kept" ? { outcome: "kept", detail: removal.detail.slice(0, 1024) } : removal);
  }

  /** [TK3] */
  ack({ attempt, fence, unknown }: Omit<FrameOf<"task.ack">, "t">): void {
    const { store, logs, log } = this.#deps;
    const entry = this.#entries.get(attempt);
    if (entry === undefined || entry.fence !== fence) return;
    if (entry.state.type === "ended") {
      this.#entries.delete(attempt);
      store.mark(attempt, "acked");
      this.#deps.passed("acked");
      if (entry.state.end.log === undefined) store.mark(attempt, "shipped");
      logs.close(attempt);
      return;
    }
    if (unknown !== true) return;
    log.warn("the control plane knows nothing of an attempt; it is ended", { attempt });
    this.#cancel(entry, { why: "superseded", atMs: this.#deps.clock.wallMs(), graceMs: 0 });
  }

  /** [LK3] After each `welcome`: everything that the control plane has not acknowledged the end of. */
  reports(): HostFrame[] {
    this.#told.clear();
    const reports = [...this.#entries.values()].map((entry) => this.#report(entry));
    const [first = [], ...rest] = pages(reports, PAGE_BYTES, MAX_PAGE_REPORTS);
    return [first, ...rest].map((items, index) => ({ t: "attempts" as const, items, first: index === 0, more: index < rest.length }));
  }

  /** [TK2] The control plane has seen this host just now. */
  renewLeases(): void {
    const { store, uptimeCs, log } = this.#deps;
    for (const { attempt, spec, state } of this.#entries.values()) {
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

  async #accept(spec: AttemptSpec): Promise<Result<RequestResult<"task.offer">>> {
    const { store, clock, bootId } = this.#deps;
    try {
      await store.accept(spec, clock.wallMs(), bootId);
    } catch (cause) {
      this.#deps.log.warn("an offer cannot be written down", {
        attempt: spec.attempt,
        cause: cause instanceof Error ? cause.message : String(cause),
      });
      return ok({
        answer: "refused",
        reason: because(isNoSpace(cause) ? "disk_low" : "offer_refused", "The host cannot write down that it takes it."),
      });
    }
    this.#add(spec, spec.fence, { type: "accepted", sinceMs: clock.monotonicMs() });
    return ok({ answer: "accepted" });
  }

  #refuseOffer(spec: AttemptSpec): TaskReason | undefined {
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
    return this.#accepting.size + [...this.#entries.values()].filter(holds).length;
  }

  async #begin(entry: Entry, sealed: Readonly<Record<string, string>>): Promise<void> {
    const { store, log } = this.#deps;
    const { attempt, spec } = entry;
    try {
      const planned = await this.#deps.plan(spec, sealed, store.paths(attempt).log);
      this.#deps.passed("planned");
      if (!planned.ok) return this.#finishUnstarted(entry, endUnstarted("failed", reasonOf(planned.error), this.#serverMs()));
      if (this.#isCancelled(entry)) return this.#finishUnstarted(entry, this.#cancelledUnstarted());
      await this.#spawn(entry, planned.value);
    } catch (cause) {
      const error = cause instanceof MaestroFailure ? cause.error : maestroError("internal", "The host failed to start it.");
      log.error("an attempt cannot be started", {
        attempt,
        cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
      });
      const standing = await this.#settled(attempt);
      if (standing.type === "accepted" || standing.type === "void")
        this.#finishUnstarted(entry, endUnstarted("failed", reasonOf(error), this.#serverMs()));
      else this.#follow(entry, standing, undefined);
    }
  }

  async #spawn(entry: Entry, plan: WorkPlan): Promise<void> {
    const { store, logs, bootId, runner: program, logLimitBytes, uptimeCs } = this.#deps;
    const { attempt, fence, spec } = entry;
    const { dir, log } = store.paths(attempt);
    const launch: LaunchNote = { ...plan.note, bootId };
    store.noteLaunch(attempt, launch, plan.stdin);
    if (spec.stopAfterMs !== undefined) store.touchLease(attempt, uptimeCs());
    const { argv, env, cwd, limits } = plan;
    const { timeoutMs, stopAfterMs } = spec;
    const orders = { attempt, dir, bootId, argv, env, cwd, timeoutMs, stopAfterMs, graceMs: RUNNER_GRACE_MS, logLimitBytes, limits };
    let refusal = because("spawn_failed", "The runner could not be started on this host.");
    for (const shell of this.#deps.shells(attempt)) {
      const started = await startRunner(program, orders, shell);
      this.#deps.passed("spawned");
      if (!started.ok) {
        refusal = reasonOf(started.error);
        continue;
      }
      const child = await started.value.child;
      this.#deps.passed("started");
      if (child === undefined) await started.value.exited;
      else logs.open(attempt, fence, log, plan.secrets);
      const standing = await this.#settled(attempt);
      // It went before it made itself known: nothing was begun, and the next shell may do better.
      if (standing.type === "accepted" || standing.type === "void") continue;
      return this.#begun(entry, standing, started.value);
    }
    this.#finishUnstarted(entry, endUnstarted("failed", refusal, this.#serverMs()));
  }

  #begun(entry: Entry, standing: Standing, { exited, pid }: Own): void {
    const cancelled = this.#isCancelled(entry);
    this.#follow(entry, standing, { exited, pid });
    if (cancelled) this.#cancel(entry, { why: "cancelled", atMs: this.#deps.clock.wallMs(), graceMs: RUNNER_GRACE_MS });
  }

  /** A runner that is making itself known is waited for: it takes a moment, or was killed at that. */
  async #settled(attempt: string): Promise<Standing> {
    for (;;) {
      const standing = this.#standing(attempt);
      if (standing.type !== "starting" || this.#abort.signal.aborted) return standing;
      await pause(this.#deps.clock, SETTLE_MS, this.#abort.signal);
    }
  }

  #standing(attempt: string): Standing {
    const { store, bootId, clock } = this.#deps;
    return judge(store.read(attempt), { bootId, wallMs: clock.wallMs() });
  }

  /** @param own the runner that this process started; what was adopted is looked after. */
  #follow(entry: Entry, standing: Standing, own: Own | undefined): void {
    const { store, logs } = this.#deps;
    const { attempt, fence, spec } = entry;
    const { launch, started, cancel } = store.read(attempt);
    if (launch === undefined) return;
    const runner = runnerOf(standing, own);
    const following: Following = { spec, launch, startedMs: started?.atMs ?? this.#deps.clock.wallMs(), runner, cancel };
    logs.open(attempt, fence, store.paths(attempt).log, this.#deps.secretsOf(spec, store.child(attempt)));
    const live = new LiveAttempt(this.#deps, following, this.#abort.signal);
    entry.state = { type: "live", live, launch };
    this.#wake.resolve();
    void live.end().then(
      (end) => {
        if (end !== undefined) this.#finish(entry, end, launch.workspace);
      },
      (cause: unknown) => {
        this.#deps.log.error("the end of an attempt cannot be told", {
          attempt,
          cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
        });
      },
    );
  }

  #finishUnstarted(entry: Entry, end: AttemptEnd): void {
    const { store } = this.#deps;
    this.#finish(entry, end, store.read(entry.attempt).launch?.workspace);
  }

  #finish(entry: Entry, end: AttemptEnd, workspace: string | undefined): void {
    const { store, log, send } = this.#deps;
    const bounded = boundReport(end);
    try {
      store.noteEnd(entry.attempt, bounded);
    } catch (cause) {
      // Told from memory; after a crash it is found out once more.
      log.warn("the end of an attempt cannot be written down", {
        attempt: entry.attempt,
        cause: cause instanceof Error ? cause.message : String(cause),
      });
    }
    entry.state = { type: "ended", end: bounded, workspace };
    send({ t: "task.status", report: this.#report(entry) });
  }

  #cancel(entry: Entry, note: { why: FrameOf<"task.cancel">["why"]; atMs: number; graceMs: number }): void {
    switch (entry.state.type) {
      case "accepted":
        return this.#finishUnstarted(entry, this.#cancelledUnstarted());
      case "preparing":
        entry.state.cancelled = true;
        return;
      case "live":
        return entry.state.live.cancel(note);
      case "ended":
        return;
    }
  }

  #isCancelled(entry: Entry): boolean {
    return entry.state.type === "preparing" && entry.state.cancelled;
  }

  #cancelledUnstarted(): AttemptEnd {
    return endUnstarted("cancelled", because("cancelled", "Cancelled before it was started."), this.#serverMs());
  }

  /** What is not in memory may be on disk, acknowledged long ago. Undefined: there is no such attempt here. */
  #known(attempt: string, fence: number): Result<AttemptStatus> | undefined {
    const { store } = this.#deps;
    const entry = this.#entries.get(attempt);
    if (entry !== undefined) return entry.fence === fence ? ok(this.#status(entry)) : err(stale(attempt, entry.fence));
    if (!store.has(attempt)) return undefined;
    const { intent, end, launch } = store.read(attempt);
    if (intent === undefined || end === undefined) return undefined;
    return intent.fence === fence
      ? ok({ state: "ended", end, ...(launch === undefined ? {} : { workspace: launch.workspace }) })
      : err(stale(attempt, intent.fence));
  }

  #answer(attempt: string, fence: number): Result<{ status: AttemptStatus }> {
    const known = this.#known(attempt, fence);
    if (known === undefined)
      return err(
        maestroError("attempt_not_found", `This host has no attempt ${attempt}.`, {
          hint: "It was never accepted here, or forgotten unstarted.",
        }),
      );
    return known.ok ? ok({ status: known.value }) : known;
  }

  #report(entry: Entry): AttemptReport {
    return { attempt: entry.attempt, fence: entry.fence, status: this.#status(entry) };
  }

  #status({ state }: Entry): AttemptStatus {
    switch (state.type) {
      case "accepted":
      case "preparing":
        return { state: "accepted" };
      case "live":
        return state.live.status();
      case "ended":
        return { state: "ended", end: state.end, ...(state.workspace === undefined ? {} : { workspace: state.workspace }) };
    }
  }

  /** Only what differs from what was told. */
  #tellUsage(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state.type !== "live") continue;
      const report = this.#report(entry);
      const text = JSON.stringify(report);
      if (this.#told.get(entry.attempt) === text) continue;
      this.#told.set(entry.attempt, text);
      this.#deps.send({ t: "task.status", report });
    }
  }

  #worksIn(workspace: string, but: string): string | undefined {
    return [...this.#entries.values()].find(
      ({ attempt, state }) => attempt !== but && state.type === "live" && state.launch.workspace === workspace,
    )?.attempt;
  }

  #add(spec: AttemptSpec, fence: number, state: EntryState): Entry {
    const entry: Entry = { attempt: spec.attempt, fence, spec, state };
    this.#entries.set(spec.attempt, entry);
    this.#wake.resolve();
    return entry;
  }

  /** Its last bytes may not have left before the daemon went. */
  #reopenLog({ attempt, fence }: AttemptSpec): void {
    const { store, logs, log } = this.#deps;
    logs.open(attempt, fence, store.paths(attempt).log, []);
    logs.ended(attempt).then(
      () => {
        if (!this.#entries.has(attempt)) logs.close(attempt);
      },
      (cause: unknown) => log.warn("a log cannot be read again", { attempt, cause: String(cause) }),
    );
  }

  /** [TK1] Accepted, and never started. */
  #forget(): void {
    const { clock, timeScale, store, log } = this.#deps;
    for (const { attempt, state } of [...this.#entries.values()]) {
      if (state.type !== "accepted" || clock.monotonicMs() - state.sinceMs < FORGET_AFTER_MS * timeScale) continue;
      log.info("an accepted attempt was never started; it is forgotten", { attempt });
      this.#entries.delete(attempt);
      store.remove(attempt);
    }
  }

  /** Of what is over for longer than anybody keeps it. */
  #sweep(): void {
    const { store, clock, logs } = this.#deps;
    for (const attempt of store.list()) {
      if (this.#entries.has(attempt) || this.#accepting.has(attempt)) continue;
      const age = clock.wallMs() - store.touchedMs(attempt);
      if (age < TASK_RETENTION_MS || !store.read(attempt).acked) continue;
      logs.drop(attempt);
      store.remove(attempt);
    }
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#wake.promise, aborted]);
    this.#wake = Promise.withResolvers();
  }

  #serverMs(): number {
    return this.#deps.clock.wallMs() + this.#deps.offsetMs();
  }
}

/** Of the runner's own stopping, for a timeout or an end of its lease. */
const RUNNER_GRACE_MS = 10_000;
