/** Reads all logs as they grow, one piece of one log at a time; what was read is clean and may be sent. */
import { noCancel, type Cancel, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { onEnd, type LogLimits } from "./log-cursor.ts";
import type { LogDigest } from "./log-file.ts";
import { isLive, type Shipment } from "./log-shipment.ts";

export interface LogReadingDeps {
  clock: Clock;
  log: Log;
  limits: LogLimits;
  shipments: ReadonlyMap<string, Shipment>;
  /** More of it is clean, or it has ended. */
  read(shipment: Shipment): void;
}

/** A followed log is read at most so often. */
const COALESCE_MS = 25;
const POLL_MS = 1_000;
/** Where no watch can be had. */
const FOLLOWED_POLL_MS = 50;

export class LogReading {
  readonly #deps: LogReadingDeps;
  /** In turn. */
  readonly #dirty = new Set<Shipment>();
  #busy = false;
  #cancelPoll: Cancel = noCancel;
  #pollMs: number | undefined;

  constructor(deps: LogReadingDeps) {
    this.#deps = deps;
  }

  look(shipment: Shipment): void {
    if (shipment.state === "sealed" || shipment.state === "dropped" || shipment.file.withheld) return;
    this.#dirty.add(shipment);
    void this.#work();
  }

  /** A write was noticed; a child that writes all the time is read now and then. */
  lookSoon(shipment: Shipment): void {
    if (shipment.soon) return;
    const restMs = shipment.readMs + COALESCE_MS - this.#deps.clock.monotonicMs();
    if (restMs <= 0) return this.look(shipment);
    shipment.soon = true;
    this.#deps.clock.after(restMs, () => {
      shipment.soon = false;
      this.look(shipment);
    });
  }

  forget(shipment: Shipment): void {
    this.#dirty.delete(shipment);
  }

  /** What is live or followed changed. One timer for all; none without a log that may still grow. */
  pace(): void {
    const live = [...this.#deps.shipments.values()].filter(isLive);
    const eager = live.some(({ cursor, watched }) => cursor.followed && !watched);
    const pollMs = live.length === 0 ? undefined : eager ? FOLLOWED_POLL_MS : POLL_MS;
    if (pollMs === this.#pollMs) return;
    this.#cancelPoll();
    this.#pollMs = pollMs;
    if (pollMs !== undefined) this.#pollIn(pollMs);
  }

  #pollIn(ms: number): void {
    this.#cancelPoll = this.#deps.clock.after(ms, () => {
      this.#pollIn(ms);
      for (const shipment of this.#deps.shipments.values()) if (isLive(shipment)) this.look(shipment);
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let [next] = this.#dirty; next !== undefined; [next] = this.#dirty) {
      this.#dirty.delete(next);
      const more = await this.#readOne(next);
      if (more && next.state !== "dropped") this.#dirty.add(next);
      this.#deps.read(next);
    }
    this.#busy = false;
  }

  /** True when there is more. */
  async #readOne(shipment: Shipment): Promise<boolean> {
    shipment.readMs = this.#deps.clock.monotonicMs();
    try {
      if (shipment.state === "open" && (await this.#readPiece(shipment))) return true;
      const { ending } = shipment;
      if (ending === undefined) return false;
      // It ended while this was read, or while a watch was set: its length has to be looked at.
      if (shipment.state === "open" && ending.size === undefined) return true;
      await this.#seal(shipment, ending.done);
      return false;
    } catch (cause) {
      // What is not known to be clean stays here.
      shipment.state = "broken";
      this.#deps.log.warn("a log cannot be read on", { attempt: shipment.attempt, why: String(cause) });
      return shipment.ending !== undefined;
    }
  }

  async #readPiece(shipment: Shipment): Promise<boolean> {
    const { file, ending } = shipment;
    if (ending !== undefined) ending.size ??= Math.max(file.scanned, await file.size());
    const more = await file.scan(ending?.size ?? Number.POSITIVE_INFINITY);
    shipment.cursor = { ...shipment.cursor, clean: file.clean };
    if (more) return true;
    return ending === undefined && shipment.cursor.followed && (await this.#watch(shipment));
  }

  /** What was written between the last reading and the watch is told by nobody. */
  async #watch(shipment: Shipment): Promise<boolean> {
    const watched = shipment.growth.arm();
    if (watched !== shipment.watched) {
      shipment.watched = watched;
      this.pace();
    }
    return watched && (await shipment.file.size()) > shipment.file.scanned;
  }

  async #seal(shipment: Shipment, done: PromiseWithResolvers<LogDigest>): Promise<void> {
    shipment.growth.disarm();
    const digest = await shipment.file.seal();
    shipment.state = "sealed";
    shipment.cursor = onEnd(shipment.cursor, digest.bytes, this.#deps.limits);
    this.pace();
    done.resolve(digest);
  }
}
