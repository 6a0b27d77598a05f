/** Follows one attempt that runs: until its runner is gone, whatever that means, and then to its end on disk. */
import type { AttemptEnd, AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { noCancel, type Cancel, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { ProcessIdentity } from "../daemon/process-identity.ts";
import type { CancelNote, LaunchNote, UsageFile } from "./attempt-files.ts";
import type { Live } from "./attempt-entry.ts";
import { codesOf, decideEnd, type EndFacts, type Outcome } from "./attempt-state.ts";
import type { AttemptStore } from "./attempt-store.ts";
import type { Known, LogDigest } from "./log-file.ts";

export interface LiveDeps {
  store: AttemptStore;
  clock: Clock;
  timeScale: number;
  log: Log;
  logs: {
    ended(attempt: string): Promise<LogDigest>;
    open(attempt: string, fence: number, file: string, known: Known | undefined): void;
  };
  /** Reads the agent CLI's output. */
  outcome(spec: AttemptSpec, adapter: string, file: string, exit: Pick<AttemptEnd, "exitCode" | "signal">): Promise<Outcome>;
  logLimitBytes: number;
  /** What to add to this machine's times to get the server's. */
  offsetMs(): number;
}

/** What it was, if it left no exit file. */
export type Death = "runner_died" | "host_reboot";

/** `exited`: it is our own child. Adopted ones are looked after. */
export type RunnerOf =
  | { type: "own"; exited: Promise<unknown>; identity: ProcessIdentity }
  | { type: "adopted"; identity: ProcessIdentity }
  | { type: "gone"; why: Death };

/** Its processes, wherever they are. */
export interface Body {
  /** Ended before it was looked at: there is nobody left to be stopped. */
  readonly isGone: boolean;
  /** What it writes is seen here at once; while it is not, its silence says nothing. */
  readonly isHeard: boolean;
  /** Of the child; 0: it is not known. */
  readonly pid: number;
  /** Resolves when its runner is gone and what that left behind is here; or when the daemon stops. */
  untilGone(): Promise<Death | "unbegun">;
  /** INT, TERM, KILL, so far apart, to all of it. */
  stop(graceMs: number): Promise<void>;
  /** [F6] The runner was killed: nobody else ends what it had begun. */
  empty(): Promise<void>;
}

export interface Following {
  spec: AttemptSpec;
  launch: LaunchNote;
  startedMs: number;
  runner: RunnerOf;
  cancel: CancelNote | undefined;
}

/** Within 25 s, both graces and the kill. */
const MAX_GRACE_MS = 10_000;
/** What grows so fast that it could pass its limit before the next look is looked at more often. */
const EAGER_SHARE = 1 / 8;
/** The runner samples so often. */
const SAMPLE_CS = 500;

export class LiveAttempt implements Live {
  readonly #deps: LiveDeps;
  readonly #following: Following;
  readonly #body: Body;
  readonly #signal: AbortSignal;
  #cancel: CancelNote | undefined;
  #stopping: Promise<unknown> | undefined;
  /** It waits for its log only: that it writes no more says nothing. */
  #over = false;
  #logBytes = 0;
  #grewMs: number;
  #cancelEager: Cancel = noCancel;
  #sample: UsageFile | undefined;
  /** Processors in use, between the last two samples. */
  #cpu = 0;

  constructor(deps: LiveDeps, following: Following, body: Body, signal: AbortSignal) {
    this.#deps = deps;
    this.#following = following;
    this.#body = body;
    this.#signal = signal;
    this.#grewMs = deps.clock.monotonicMs();
    // Ended before it was looked at: there is nobody left to be stopped.
    if (body.isGone) this.#cancel = following.cancel;
    else if (following.cancel !== undefined) this.cancel(following.cancel);
  }

  async end(): Promise<AttemptEnd | "unbegun" | undefined> {
    const { store } = this.#deps;
    const { attempt } = this.#following.spec;
    const why = await this.#body.untilGone();
    await this.#stopping;
    this.#over = true;
    this.#cancelEager();
    if (this.#signal.aborted) return undefined;
    if (why === "unbegun") return why;
    const exit = store.exit(attempt);
    if (exit === undefined) await this.#body.empty();
    return this.#finish(exit === undefined ? { type: "died", why } : { type: "exited", exit });
  }

  /** [TK4] Asked again, it goes on as it does. What has ended by itself meanwhile stays as it ended. */
  cancel(note: CancelNote): void {
    const { store, log } = this.#deps;
    const { attempt } = this.#following.spec;
    if (this.#cancel !== undefined || store.exit(attempt) !== undefined) return;
    this.#cancel = note;
    try {
      if (this.#following.cancel === undefined) store.noteCancel(attempt, note);
    } catch (cause) {
      log.warn("a cancellation cannot be written down", { attempt, cause: cause instanceof Error ? cause.message : String(cause) });
    }
    this.#stopping = this.#body.stop(Math.min(note.graceMs, MAX_GRACE_MS));
  }

  status(): AttemptStatus {
    const { store, offsetMs } = this.#deps;
    const { spec, launch, startedMs } = this.#following;
    if (this.#cancel !== undefined) return { state: "cancelling", sinceMs: this.#cancel.atMs + offsetMs() };
    const usage = store.usage(spec.attempt);
    return {
      state: "running",
      startedMs: startedMs + offsetMs(),
      pid: this.#body.pid,
      workspace: launch.workspace,
      logBytes: store.logBytes(spec.attempt),
      ...(usage === undefined ? {} : { cpu: this.#cpu, memoryBytes: usage.memoryBytes }),
    };
  }

  /** Once a second: is its log too long, does it give signs of life? */
  look(): void {
    const { store, clock, timeScale, logLimitBytes } = this.#deps;
    const { attempt, heartbeatTimeoutMs } = this.#following.spec;
    if (this.#body.isGone || this.#over || this.#cancel !== undefined) return;
    this.#measure();
    const nowMs = clock.monotonicMs();
    const bytes = store.logBytes(attempt);
    const grown = bytes - this.#logBytes;
    if (grown !== 0 || !this.#body.isHeard) this.#grewMs = nowMs;
    this.#logBytes = bytes;
    if (bytes > logLimitBytes) return this.#stopFor("log_limit", 0);
    if (heartbeatTimeoutMs !== undefined && nowMs - this.#grewMs >= heartbeatTimeoutMs)
      return this.#stopFor("heartbeat_timeout", MAX_GRACE_MS);
    this.#cancelEager();
    if (grown > (logLimitBytes - bytes) * EAGER_SHARE) this.#cancelEager = clock.after(50 * timeScale, () => this.look());
  }

  #measure(): void {
    const sample = this.#deps.store.usage(this.#following.spec.attempt);
    if (sample === undefined || sample.uptimeCs === this.#sample?.uptimeCs) return;
    const before = this.#sample ?? { uptimeCs: sample.uptimeCs - SAMPLE_CS, cpuMs: 0 };
    this.#cpu = Math.max(0, (sample.cpuMs - before.cpuMs) / (10 * (sample.uptimeCs - before.uptimeCs)));
    this.#sample = sample;
  }

  #stopFor(why: CancelNote["why"], graceMs: number): void {
    this.cancel({ why, atMs: this.#deps.clock.wallMs(), graceMs });
  }

  async #finish(last: EndFacts["last"]): Promise<AttemptEnd> {
    const { store, logs, outcome, clock, logLimitBytes, offsetMs } = this.#deps;
    const { spec, launch, startedMs } = this.#following;
    const { attempt } = spec;
    const { log: file } = store.paths(attempt);
    const digest = await logs.ended(attempt);
    const read = await outcome(spec, launch.adapter, file, codesOf(last));
    return decideEnd({
      last,
      cancel: this.#cancel,
      outcome: read,
      usage: store.usage(attempt),
      log: digest,
      branch: launch.branch,
      startedMs: startedMs + offsetMs(),
      endedMs: Math.round((last.type === "exited" ? last.exit.atMs : clock.wallMs()) + offsetMs()),
      limits: { timeoutMs: spec.timeoutMs, heartbeatTimeoutMs: spec.heartbeatTimeoutMs, logLimitBytes },
    });
  }
}
