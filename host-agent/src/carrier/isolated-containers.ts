/**
 * The life of containers that are made for workspaces: there when work begins, kept a while for the next, gone with the workspace.
 * An engine has addresses for some thirty networks, so none is kept that nobody uses; what is in its home is.
 */
import type { MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { isOutOfAddresses, type IsolatedEngine, type Kept } from "./isolated-engine.ts";
import type { Isolation } from "./isolated-type.ts";
import type { Claimant, IsolatedUse } from "./isolated-use.ts";
import { notWanted } from "./place.ts";

export interface ContainersDeps {
  engine: IsolatedEngine;
  clock: Clock;
  timeScale: number;
  log: Log;
  /** It is gone. */
  removed(name: string): void;
  signal: AbortSignal;
}

const IDLE_MS = 10 * 60_000;
const LOOK_MS = 60_000;
/** For a network: longer than from a container to its work. */
const SPARE_MS = 20_000;

export class IsolatedContainers {
  readonly #deps: ContainersDeps;
  readonly #inUse: IsolatedUse;
  /** When work of it was seen last; monotonic. */
  readonly #usedMs = new Map<string, number>();
  /** One thing at a time is done about each. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(deps: ContainersDeps, inUse: IsolatedUse) {
    this.#deps = deps;
    this.#inUse = inUse;
  }

  /**
   * Its name, once it runs, and is claimed. `made`: nothing is known of what is in it.
   *
   * @param wanted once aborted nothing is begun and nothing claimed; what has begun comes to its end, or it would be in the way of the next.
   */
  async ensure(
    workspace: string,
    isolation: Isolation,
    claimant: Claimant,
    wanted: AbortSignal,
  ): Promise<Result<{ name: string; made: boolean }>> {
    const { engine, timeScale, log, signal } = this.#deps;
    const name = engine.nameOf(workspace);
    this.use(name);
    const ensureNow = async () => {
      if (wanted.aborted) return err(notWanted);
      // What has begun shows inside a while later.
      const use = this.#inUse.look(claimant.id).working.has(name) ? "used" : "free";
      const made = await engine.ensure(workspace, isolation, use, claimant.by, signal);
      if (made.ok && !wanted.aborted) this.#inUse.claim(claimant, name);
      return made;
    };
    let ensured = await this.#turn(name, ensureNow);
    if (!ensured.ok && isOutOfAddresses(ensured.error)) {
      await this.#removeIdle(SPARE_MS * timeScale);
      ensured = await this.#turn(name, ensureNow);
    }
    if (!ensured.ok) return err(ensured.error);
    this.use(name);
    const { made, warning } = ensured.value;
    if (made) log.info("a container is made for a workspace", { name, workspace, ...(warning === "" ? {} : { warning }) });
    return ok({ name, made });
  }

  /**
   * With its network and its home.
   *
   * @param refuse asked once it is its turn: what was done before may have made it ready for somebody.
   */
  async remove(name: string, refuse: () => MaestroError | undefined): Promise<Result<void>> {
    const { engine, signal } = this.#deps;
    const removed = await this.#turn(name, async () => {
      const refusal = refuse();
      return refusal === undefined ? engine.remove(name, "all", signal) : err(refusal);
    });
    if (!removed.ok) return removed;
    this.#usedMs.delete(name);
    this.#deps.removed(name);
    return removed;
  }

  wipe(name: string, what: Kept, entry: string): Promise<Result<void>> {
    const { engine, signal } = this.#deps;
    return this.#turn(name, () => engine.wipe(name, what, entry, signal));
  }

  /** Until aborted. What a host-agent before this one left is found by its label, and is used, or goes. */
  async run(stopped: AbortSignal): Promise<void> {
    const { clock, timeScale } = this.#deps;
    for (let isFirst = true; !stopped.aborted; isFirst = false) {
      if (isFirst || this.#usedMs.size > 0) await this.#removeIdle(IDLE_MS * timeScale);
      await pause(clock, LOOK_MS * timeScale, stopped);
    }
  }

  async #removeIdle(idleMs: number): Promise<void> {
    const { engine, clock, log, signal } = this.#deps;
    const listed = await engine.list(signal);
    if (!listed.ok) return log.debug("containers cannot be looked at", { why: listed.error.detail });
    const { containers, homes, recent } = listed.value;
    for (const name of this.#usedMs.keys()) if (!containers.includes(name) && !homes.includes(name)) this.#usedMs.delete(name);
    for (const name of new Set([...containers, ...homes])) {
      // To remove one takes its time, in which work may have begun in another.
      const { working, kept } = this.#inUse.look();
      if (working.has(name) || !this.#usedMs.has(name)) this.use(name);
      if (working.has(name) || this.#turns.has(name) || clock.monotonicMs() - (this.#usedMs.get(name) ?? 0) < idleMs) continue;
      const isKept = kept.has(name) || recent.includes(name);
      if (isKept && !containers.includes(name)) continue;
      const removed = await this.#turn(name, () => engine.remove(name, isKept ? "idle" : "spent", signal));
      if (removed.ok) {
        this.#deps.removed(name);
        log.info("a container that nobody used is removed", { name });
      } else log.debug("a container cannot be removed", { name, why: removed.error.detail });
    }
  }

  /** What it is about to be used for took its time. */
  use(name: string): void {
    this.#usedMs.set(name, this.#deps.clock.monotonicMs());
  }

  async #turn<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name);
    const turn = (before ?? Promise.resolve()).then(act);
    const settled = turn.catch(() => {});
    this.#turns.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }
}
