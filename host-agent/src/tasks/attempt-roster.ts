/** The attempts that this process knows of, and how each of them stands: those whose end has not been acknowledged yet. */
import { maestroError } from "@maestro/shared/errors";
import type { AttemptReport, AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import { isInside } from "../daemon/workspace.ts";
import { stale, type Entry, type EntryState } from "./attempt-entry.ts";
import type { AttemptStore } from "./attempt-store.ts";

export class AttemptRoster {
  readonly #store: AttemptStore;
  readonly #entries = new Map<string, Entry>();
  #wake = Promise.withResolvers<void>();

  constructor(store: AttemptStore) {
    this.#store = store;
  }

  add(spec: AttemptSpec, fence: number, state: EntryState): Entry {
    const entry: Entry = { attempt: spec.attempt, fence, spec, state };
    this.#entries.set(spec.attempt, entry);
    this.#wake.resolve();
    return entry;
  }

  get(attempt: string): Entry | undefined {
    return this.#entries.get(attempt);
  }

  delete(attempt: string): void {
    this.#entries.delete(attempt);
  }

  /** As they are now; what comes and goes meanwhile does not disturb a walk through them. */
  all(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Resolves when one was added, or when aborted. */
  async woken(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#wake.promise, aborted]);
    this.#wake = Promise.withResolvers();
  }

  /** What is not in memory may be on disk, acknowledged long ago. Undefined: there is no such attempt here. */
  known(attempt: string, fence: number): Result<AttemptStatus> | undefined {
    const entry = this.#entries.get(attempt);
    if (entry !== undefined) return entry.fence === fence ? ok(statusOf(entry)) : err(stale(attempt, entry.fence));
    if (!this.#store.has(attempt)) return undefined;
    const { intent, end, launch } = this.#store.read(attempt);
    if (intent === undefined || end === undefined) return undefined;
    return intent.fence === fence
      ? ok({ state: "ended", end, ...(launch === undefined ? {} : { workspace: launch.workspace }) })
      : err(stale(attempt, intent.fence));
  }

  answer(attempt: string, fence: number): Result<{ status: AttemptStatus }> {
    const known = this.known(attempt, fence);
    if (known === undefined)
      return err(
        maestroError("attempt_not_found", `This host has no attempt ${attempt}.`, {
          hint: "It was never accepted here, or forgotten unstarted.",
        }),
      );
    return known.ok ? ok({ status: known.value }) : known;
  }

  /** Whatever works in this directory or below it, or is about to. */
  worksBelow(dir: string): string | undefined {
    return this.all().find(({ state, spec }) => {
      if (state.type === "live") return isInside(state.launch.workspace, dir);
      return state.type !== "ended" && spec.workspace.mode === "path" && isInside(spec.workspace.path, dir);
    })?.attempt;
  }

  /** Another one that works in a workspace. */
  worksIn(workspace: string, but: string): string | undefined {
    return this.all().find(({ attempt, state }) => attempt !== but && state.type === "live" && state.launch.workspace === workspace)
      ?.attempt;
  }
}

export function reportOn(entry: Entry): AttemptReport {
  return { attempt: entry.attempt, fence: entry.fence, status: statusOf(entry) };
}

function statusOf({ state }: Entry): AttemptStatus {
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
