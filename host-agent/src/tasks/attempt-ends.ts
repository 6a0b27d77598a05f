/** Following what was begun to its end, ending it before, and telling of it. [TK3] [TK4] */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import type { AttemptEnd } from "@maestro/shared/protocol/tasks";
import { pause } from "../daemon/clock.ts";
import { runnerOf, type Entry, type Live, type Own } from "./attempt-entry.ts";
import type { AttemptFiles, CancelNote } from "./attempt-files.ts";
import { because, endUnstarted, type Standing } from "./attempt-state.ts";
import type { AttemptSecrets } from "./attempt-secrets.ts";
import type { AttemptTelling } from "./attempt-telling.ts";
import { boundReport } from "./bound-report.ts";
import { leftCgroups } from "./cgroup-places.ts";
import type { Following, LiveDeps } from "./live-attempt.ts";
import { removeCgroups } from "./members.ts";

export interface EndDeps extends Pick<LiveDeps, "store" | "clock" | "log" | "offsetMs"> {
  bootId: string;
  logs: { drop(attempt: string): void };
  /** What its files mean, where its runner is looked for. */
  judge(files: AttemptFiles): Standing;
  /** Follows what has begun. @param stopped the daemon goes; what runs goes on. */
  live(following: Following, stopped: AbortSignal): Live;
}

const SETTLE_MS = 20;
/** Of the runner's own stopping, for a timeout or an end of its lease. */
export const RUNNER_GRACE_MS = 10_000;

export class AttemptEnds {
  readonly #deps: EndDeps;
  readonly #telling: AttemptTelling;
  readonly #secrets: AttemptSecrets;
  readonly #stopped: AbortSignal;

  /** @param stopped the daemon goes; what runs goes on. */
  constructor(deps: EndDeps, telling: AttemptTelling, secrets: AttemptSecrets, stopped: AbortSignal) {
    this.#deps = deps;
    this.#telling = telling;
    this.#secrets = secrets;
    this.#stopped = stopped;
  }

  /** A runner that is making itself known is waited for: it takes a moment, or was killed at that. */
  async settled(attempt: string): Promise<Standing> {
    const { store, judge, clock } = this.#deps;
    for (;;) {
      const standing = judge(store.read(attempt));
      if (standing.type !== "starting" || this.#stopped.aborted) return standing;
      await pause(clock, SETTLE_MS, this.#stopped);
    }
  }

  /** @param own the runner that this process started; what was adopted is looked after. */
  follow(entry: Entry, standing: Standing, own: Own | undefined): void {
    const { store, log, clock } = this.#deps;
    const { attempt, fence, spec } = entry;
    const { launch, started, cancel } = store.read(attempt);
    if (launch === undefined) return;
    // Until it is on disk, what was foreseen of it stands for it.
    void store.keepLaunch(attempt).catch((cause: unknown) => {
      log.warn("the note of a launch is not on disk", { attempt, cause: String(cause) });
    });
    const following: Following = { spec, launch, startedMs: started?.atMs ?? clock.wallMs(), runner: runnerOf(standing, own), cancel };
    this.#secrets.open(spec, fence, store.paths(attempt).log, store.child(attempt)?.pid);
    const live = this.#deps.live(following, this.#stopped);
    entry.state = { type: "live", live, launch };
    void live.end().then(
      (end) => {
        if (end === "unbegun") this.#unbegun(entry);
        else if (end !== undefined) this.#finish(entry, end, launch.workspace);
      },
      (cause: unknown) => {
        log.error("the end of an attempt cannot be told", {
          attempt,
          cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
        });
      },
    );
  }

  /** It has begun; cancelled meanwhile, it is ended. */
  begun(entry: Entry, standing: Standing, own: Own | undefined): void {
    const note = noteOf(entry);
    this.follow(entry, standing, own);
    if (note !== undefined) this.cancel(entry, note);
  }

  /** A runner that none of this process's starts gave its orders has begun, or is at it. */
  takeUp(entry: Entry, note: CancelNote | undefined): void {
    const begun = this.settled(entry.attempt).then((standing) => {
      this.begun(entry, standing, undefined);
      this.#telling.tell(entry);
    });
    const cancel = new AbortController();
    if (note !== undefined) cancel.abort();
    entry.state = { type: "preparing", begun, cancel, note };
  }

  cancel(entry: Entry, note: CancelNote): void {
    switch (entry.state.type) {
      case "accepted":
        return this.cancelUnstarted(entry, note);
      case "preparing":
        entry.state.note ??= note;
        entry.state.cancel.abort();
        return;
      case "live":
        return entry.state.live.cancel(note);
      case "ended":
        return;
    }
  }

  cancelUnstarted(entry: Entry, note = noteOf(entry)): void {
    this.#finishUnstarted(entry, "cancelled", because("cancelled", "Cancelled before it was started."), note);
  }

  failUnstarted(entry: Entry, reason: TaskReason): void {
    this.#finishUnstarted(entry, "failed", reason);
  }

  /** Its start was on the way when this process or its machine went, and is undone: the next one begins it. */
  #unbegun(entry: Entry): void {
    const { store, logs, clock } = this.#deps;
    const { cancel } = store.read(entry.attempt);
    if (cancel !== undefined) return this.cancelUnstarted(entry, cancel);
    logs.drop(entry.attempt);
    store.removeImages(entry.attempt);
    store.forgetLaunch(entry.attempt);
    entry.state = { type: "accepted", sinceMs: clock.monotonicMs() };
    this.#telling.tell(entry);
  }

  #finishUnstarted(entry: Entry, outcome: "failed" | "cancelled", reason: TaskReason, note?: CancelNote): void {
    const { store, clock, offsetMs } = this.#deps;
    // Whoever died between giving its orders and its start may have been a moment earlier.
    if (!store.bar(entry.attempt)) return this.takeUp(entry, note);
    const end = endUnstarted(outcome, reason, clock.wallMs() + offsetMs());
    removeCgroups(leftCgroups(entry.attempt));
    this.#finish(entry, end, store.read(entry.attempt).launch?.workspace);
  }

  #finish(entry: Entry, end: AttemptEnd, workspace: string | undefined): void {
    const { store, log } = this.#deps;
    const bounded = boundReport(end);
    // Before its end is on disk: what finds no end there comes by here again.
    store.removeImages(entry.attempt);
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
    this.#telling.tell(entry);
  }
}

const noteOf = ({ state }: Entry): CancelNote | undefined => (state.type === "preparing" ? state.note : undefined);
