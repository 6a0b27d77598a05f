/**
 * Ships the logs of this host's attempts [LG1]: each file is read as it grows, and sent by offset as far as the edge has not
 * stored it yet. Nothing grows with a log or with their number but a few words each: one piece is read and one frame made
 * at a time.
 */
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { isShipped, LOG_LIMITS, newCursor, onDurable, onNeed, type LogCursor, type LogLimits } from "./log-cursor.ts";
import { LogFile, type Known, type LogDigest } from "./log-file.ts";
import { GrowthWatch } from "./log-growth.ts";
import { LogReading } from "./log-reading.ts";
import { LogSending, type LogLink } from "./log-sending.ts";
import type { Shipment } from "./log-shipment.ts";

export interface LogShipperDeps {
  clock: Clock;
  log: Log;
  /** The edge has stored all of an ended log. */
  shipped?(attempt: string): void;
  limits?: LogLimits;
}

/** Told before its log was opened, at most of so many. */
const MAX_EARLY_FOLLOWS = 256;

export class LogShipper {
  readonly #deps: LogShipperDeps;
  readonly #shipments = new Map<string, Shipment>();
  readonly #earlyFollows = new Set<string>();
  readonly #reading: LogReading;
  readonly #sending: LogSending;

  constructor(deps: LogShipperDeps) {
    this.#deps = deps;
    const { clock, log, limits = LOG_LIMITS } = deps;
    this.#sending = new LogSending(this.#shipments, limits, log);
    this.#reading = new LogReading({ clock, log, limits, shipments: this.#shipments, read: (shipment) => this.#changed(shipment) });
  }

  /** @param known undefined: nothing of it is read before `reveal`. Opening what is open already changes nothing. */
  open(attempt: string, fence: number, file: string, known: Known | undefined): void {
    if (this.#shipments.has(attempt)) return;
    const shipment: Shipment = {
      attempt,
      fence,
      file: new LogFile(file, known),
      growth: new GrowthWatch(file, () => this.#reading.lookSoon(shipment)),
      cursor: { ...newCursor, followed: this.#earlyFollows.delete(attempt) },
      state: "open",
      ending: undefined,
      closing: false,
      shipped: false,
      channel: undefined,
      watched: false,
      readMs: Number.NEGATIVE_INFINITY,
      soon: false,
    };
    this.#shipments.set(attempt, shipment);
    this.#reading.look(shipment);
    this.#reading.pace();
  }

  isOpen(attempt: string): boolean {
    return this.#shipments.has(attempt);
  }

  /** [TK5] What to blot out of it is known now, as well as it ever will be. */
  reveal(attempt: string, known: Known): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined || !shipment.file.withheld) return;
    shipment.file.reveal(known);
    this.#reading.look(shipment);
  }

  /** A hint: it is noticed without it too, later. */
  grown(attempt: string): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment !== undefined) this.#reading.look(shipment);
  }

  /**
   * The child is gone. Answers the length and digest of its log, without secrets: what somebody else still appends to the
   * file does not belong to it. Only after this may a result be read from the file.
   */
  ended(attempt: string): Promise<LogDigest> {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined) return Promise.reject(new Error(`the log of ${attempt} was not opened`));
    shipment.ending ??= { size: undefined, done: Promise.withResolvers() };
    this.#reading.look(shipment);
    return shipment.ending.done.promise;
  }

  durable(attempt: string, offset: number): void {
    this.#move(attempt, (cursor) => onDurable(cursor, offset));
  }
  need(attempt: string, from: number): void {
    this.#move(attempt, (cursor) => onNeed(cursor, from));
  }

  follow(attempt: string, follow: boolean): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined) {
      if (!follow) this.#earlyFollows.delete(attempt);
      else if (this.#earlyFollows.size < MAX_EARLY_FOLLOWS) this.#earlyFollows.add(attempt);
      return;
    }
    shipment.cursor = { ...shipment.cursor, followed: follow };
    if (!follow) shipment.growth.disarm();
    this.#reading.look(shipment);
    this.#reading.pace();
    void this.#sending.work();
  }

  /** After `welcome`; what may still grow is opened there at once, and the relay tells anew what is followed. */
  linkUp(link: LogLink): void {
    this.linkDown();
    this.#sending.linkUp(link);
  }

  linkDown(): void {
    this.#earlyFollows.clear();
    this.#sending.linkDown();
    for (const { growth } of this.#shipments.values()) growth.disarm();
    this.#reading.pace();
  }

  /** Forgotten once all of it is stored at the edge; one that has not ended at once. */
  close(attempt: string): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined) return;
    shipment.closing = true;
    if (shipment.ending === undefined) this.drop(attempt);
    else this.#changed(shipment);
  }

  /** Forgotten at once: its file is about to go. */
  drop(attempt: string): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined) return;
    this.#shipments.delete(attempt);
    shipment.growth.disarm();
    // Whoever waits for its digest still gets it.
    if (shipment.ending === undefined) {
      shipment.state = "dropped";
      this.#reading.forget(shipment);
      void shipment.file.close();
    }
    this.#reading.pace();
  }

  /** The daemon stops: files stay as they are, and are opened anew by the next one. */
  stop(): void {
    this.linkDown();
    for (const attempt of [...this.#shipments.keys()]) this.drop(attempt);
  }

  #move(attempt: string, change: (cursor: LogCursor) => LogCursor): void {
    const shipment = this.#shipments.get(attempt);
    if (shipment === undefined) return;
    shipment.cursor = change(shipment.cursor);
    this.#changed(shipment);
  }

  #changed(shipment: Shipment): void {
    if (isShipped(shipment.cursor)) {
      if (shipment.closing) this.#shipments.delete(shipment.attempt);
      if (!shipment.shipped) {
        shipment.shipped = true;
        this.#deps.shipped?.(shipment.attempt);
      }
    }
    void this.#sending.work();
  }
}
