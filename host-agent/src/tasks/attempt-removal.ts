/** What is over, and what was never begun, is removed: when asked, and when nobody keeps it any longer. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { LOST_AFTER_MS, TASK_RETENTION_MS } from "@maestro/shared/limits";
import type { RequestResult } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { FrameOf } from "../link/dispatch.ts";
import type { LaunchNote } from "./attempt-files.ts";
import type { AttemptOffers } from "./attempt-offers.ts";
import type { AttemptRoster } from "./attempt-roster.ts";
import type { AttemptStore } from "./attempt-store.ts";
import { leftCgroups } from "./cgroup-places.ts";
import { removeCgroups } from "./members.ts";
import type { Removal } from "./worktree.ts";

export interface RemovalDeps {
  store: AttemptStore;
  clock: Clock;
  timeScale: number;
  log: Log;
  logs: { drop(attempt: string): void };
  /** Of a workspace that something else than an attempt works in. */
  refuseRemoval(note: LaunchNote, attempt: string): MaestroError | undefined;
  removeWorkspace(note: LaunchNote, spec: AttemptSpec): Promise<Removal>;
}

/** An accepted one that nobody starts. */
const FORGET_AFTER_MS = 2 * LOST_AFTER_MS;
const SWEEP_MS = TASK_RETENTION_MS / 14;

export class AttemptRemoval {
  readonly #deps: RemovalDeps;
  readonly #roster: AttemptRoster;
  readonly #offers: AttemptOffers;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(deps: RemovalDeps, roster: AttemptRoster, offers: AttemptOffers) {
    this.#deps = deps;
    this.#roster = roster;
    this.#offers = offers;
  }

  async cleanup({ attempt, keepLogs }: Omit<FrameOf<"task.cleanup">, "t" | "id">): Promise<Result<RequestResult<"task.cleanup">>> {
    const { store, removeWorkspace } = this.#deps;
    const entry = this.#roster.get(attempt);
    if (entry !== undefined && entry.state.type !== "ended")
      return err(maestroError("workspace_busy", "The attempt has not ended.", { hint: "Cancel it first: maestro task cancel." }));
    if (!store.has(attempt)) return ok({ outcome: "absent" });
    const { launch, spec } = store.read(attempt);
    const busy = launch === undefined ? undefined : this.#roster.worksIn(launch.workspace, attempt);
    if (busy !== undefined)
      return err(
        maestroError("workspace_busy", `Attempt ${busy} works in '${launch?.workspace ?? ""}'.`, { hint: "Wait for it, or cancel it." }),
      );
    const refusal = launch === undefined ? undefined : this.#deps.refuseRemoval(launch, attempt);
    if (refusal !== undefined) return err(refusal);
    const removal: Removal = launch === undefined || spec === undefined ? { outcome: "absent" } : await removeWorkspace(launch, spec);
    // A worktree that is kept is found by these files only: once its work is safe, it can still be asked for.
    const comesBack = removal.outcome === "kept" && launch?.kind === "worktree";
    if (!keepLogs && !comesBack && entry === undefined) this.#discard(attempt, launch);
    return ok(removal.outcome === "kept" ? { outcome: "kept", detail: removal.detail.slice(0, 1024) } : removal);
  }

  /** [TK1] Accepted, and never started. */
  forget(): void {
    const { clock, timeScale, store, log } = this.#deps;
    for (const { attempt, state } of this.#roster.all()) {
      if (state.type !== "accepted" || clock.monotonicMs() - state.sinceMs < FORGET_AFTER_MS * timeScale) continue;
      log.info("an accepted attempt was never started; it is forgotten", { attempt });
      this.#roster.delete(attempt);
      removeCgroups(leftCgroups(attempt));
      store.remove(attempt);
    }
  }

  /** Now and then: of what is over for longer than anybody keeps it. */
  sweep(): void {
    const { store, clock } = this.#deps;
    if (clock.monotonicMs() - this.#sweptMs <= SWEEP_MS) return;
    this.#sweptMs = clock.monotonicMs();
    for (const attempt of store.list()) {
      if (this.#roster.get(attempt) !== undefined || this.#offers.accepting(attempt) !== undefined) continue;
      const age = clock.wallMs() - store.touchedMs(attempt);
      if (age >= TASK_RETENTION_MS && store.read(attempt).acked) this.#remove(attempt);
    }
  }

  /** Whoever removes what is left elsewhere finds that by these files. */
  #discard(attempt: string, launch: LaunchNote | undefined): void {
    const { store, logs } = this.#deps;
    if (launch?.remote === undefined || store.isMarked(attempt, "swept")) return this.#remove(attempt);
    logs.drop(attempt);
    store.removeLog(attempt);
    for (const mark of ["shipped", "unwanted"] as const) store.mark(attempt, mark);
  }

  #remove(attempt: string): void {
    const { store, logs } = this.#deps;
    logs.drop(attempt);
    store.remove(attempt);
  }
}
