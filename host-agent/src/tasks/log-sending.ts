/** Sends what is clean and not stored yet, of all logs in turn, one frame at a time, when the link has nothing better to do. */
import { encodeFrame } from "@maestro/shared/protocol/frame";
import type { Log } from "../daemon/log.ts";
import { hostText } from "../link/host-text.ts";
import { afterStep, nextStep, onGone, onItsWay, onNewLink, type LogLimits, type LogStep } from "./log-cursor.ts";
import { isLive, type Shipment } from "./log-shipment.ts";

/** What logs need of the link; `Egress` is it. */
export interface LogLink {
  control(text: string): void;
  data(bytes: Uint8Array): void;
  /** Calls once, when terminals and answers want nothing and little is on its way. Never after the link's end. */
  whenQuiet(send: () => void): void;
}

/** `open`: the relay is to know of a log that may still grow, for it tells in answer whether somebody follows it. */
type Sending = Exclude<LogStep, { type: "nothing" }> | { type: "open" };

/** Of all logs together, beside the credit of each. */
export const MAX_ON_ITS_WAY_BYTES = 4 * 1024 * 1024;
/** Above the channels of sessions, which are counted from 1. */
const FIRST_CHANNEL = 0x8000_0001;

export class LogSending {
  readonly #log: Log;
  readonly #limits: LogLimits;
  /** The order is the turn. */
  readonly #shipments: Map<string, Shipment>;
  #link: LogLink | undefined;
  #channels = FIRST_CHANNEL;
  #busy = false;
  /** Lets go of a frame that waits for a link which is no more. */
  #release: () => void = () => {};

  constructor(shipments: Map<string, Shipment>, limits: LogLimits, log: Log) {
    this.#shipments = shipments;
    this.#limits = limits;
    this.#log = log;
  }

  linkUp(link: LogLink): void {
    this.linkDown();
    this.#link = link;
    void this.work();
  }

  linkDown(): void {
    this.#link = undefined;
    for (const shipment of this.#shipments.values()) {
      shipment.cursor = onNewLink(shipment.cursor);
      shipment.channel = undefined;
    }
    this.#release();
  }

  async work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const link = this.#link;
      const next = link === undefined ? undefined : this.#choose();
      if (link === undefined || next === undefined) break;
      await this.#sendOne(link, next.shipment, next.step);
    }
    this.#busy = false;
  }

  #choose(): { shipment: Shipment; step: Sending } | undefined {
    for (const shipment of this.#shipments.values())
      if (shipment.channel === undefined && isLive(shipment)) return { shipment, step: { type: "open" } };
    let room = MAX_ON_ITS_WAY_BYTES;
    for (const { cursor } of this.#shipments.values()) room -= onItsWay(cursor);
    for (const shipment of this.#shipments.values()) {
      const step = nextStep(shipment.cursor, room, this.#limits);
      if (step.type !== "nothing") return { shipment, step };
    }
    return undefined;
  }

  async #sendOne(link: LogLink, shipment: Shipment, step: Sending): Promise<void> {
    const bytes = step.type === "bytes" ? await this.#bytesOf(shipment, step.from, step.to) : undefined;
    if (bytes?.byteLength === 0) {
      // Another one may have moved it meanwhile.
      if (step.type === "bytes" && shipment.cursor.sent === step.from) shipment.cursor = onGone(shipment.cursor, step.from);
      return;
    }
    await new Promise<void>((resolve) => {
      if (this.#link !== link) return resolve();
      this.#release = resolve;
      link.whenQuiet(() => {
        if (this.#link === link) this.#emit(link, shipment, step, bytes);
        resolve();
      });
    });
  }

  /** Nothing of a log that moved meanwhile: the next turn looks at where it stands then. */
  #emit(link: LogLink, shipment: Shipment, step: Sending, payload: Uint8Array | undefined): void {
    const { attempt, cursor } = shipment;
    if (this.#shipments.get(attempt) !== shipment) return;
    switch (step.type) {
      case "open":
        this.#channelOf(link, shipment);
        return;
      case "skip":
        if (cursor.skips[cursor.told] !== step.skip) return;
        this.#channelOf(link, shipment);
        link.control(hostText({ t: "log.skip", attempt, ...step.skip }));
        shipment.cursor = afterStep(cursor, step);
        break;
      case "bytes":
        if (cursor.sent !== step.from || payload === undefined) return;
        link.data(encodeFrame({ kind: "log", flags: 0, epoch: 0, channel: this.#channelOf(link, shipment), offset: step.from, payload }));
        shipment.cursor = afterStep(cursor, { ...step, to: step.from + payload.byteLength });
        break;
    }
    this.#shipments.delete(attempt);
    this.#shipments.set(attempt, shipment);
  }

  #channelOf(link: LogLink, shipment: Shipment): number {
    if (shipment.channel === undefined) {
      shipment.channel = this.#channels;
      this.#channels += 1;
      link.control(hostText({ t: "log.open", channel: shipment.channel, attempt: shipment.attempt, fence: shipment.fence }));
    }
    return shipment.channel;
  }

  async #bytesOf(shipment: Shipment, from: number, to: number): Promise<Uint8Array> {
    try {
      return await shipment.file.read(from, to);
    } catch (cause) {
      this.#log.warn("a part of a log cannot be read", { attempt: shipment.attempt, from, why: String(cause) });
      return new Uint8Array(0);
    }
  }
}
