/** One channel's place on the link, and what the host was asked and told there: nothing twice, and nothing that it could not place. */
import type { Cursor } from "@maestro/shared/protocol/cursor";
import type { RelayFrame } from "@maestro/shared/protocol/link";

export interface ChannelLinkPort {
  /** Asks the host to open the channel; answered by `opened` or `refused`. */
  watch(from: Cursor | undefined): void;
  toHost(frame: RelayFrame): void;
}

type Place =
  | { type: "closed" }
  | { type: "opening" }
  /** Open; `synced` is false after a wake until the host restated its position. */
  | { type: "open"; number: number; synced: boolean };

export class ChannelLink {
  readonly #port: ChannelLinkPort;
  #place: Place = { type: "closed" };
  /** What the host was told last [VW4]. */
  #acked = 0;
  /** A screen for all who wait was asked for and has not begun. */
  #wanted = false;

  constructor(port: ChannelLinkPort) {
    this.#port = port;
  }

  get number(): number | undefined {
    return this.#place.type === "open" ? this.#place.number : undefined;
  }

  get place(): Place["type"] {
    return this.#place.type;
  }

  /** The host may be asked. */
  get synced(): boolean {
    return this.#place.type === "open" && this.#place.synced;
  }

  watch(from: Cursor | undefined): void {
    this.#place = { type: "opening" };
    this.#port.watch(from);
  }

  opened(number: number): void {
    this.#place = { type: "open", number, synced: true };
  }

  refused(): void {
    if (this.#place.type === "opening") this.#place = { type: "closed" };
  }

  restored(number: number): void {
    this.#place = { type: "open", number, synced: false };
  }

  restated(number: number, acked: number): void {
    this.opened(number);
    this.#acked = acked;
  }

  /** The link went. */
  lost(): void {
    this.#place = { type: "closed" };
    this.#wanted = false;
    this.#acked = 0;
  }

  close(lingers: boolean): void {
    const { number } = this;
    this.lost();
    if (number !== undefined) this.#port.toHost({ t: "unwatch", channel: number, ...(lingers ? { lingers } : {}) });
  }

  /** Offsets begin anew. */
  epochChanged(): void {
    this.#acked = 0;
  }

  /** A screen for all who wait. */
  want(): void {
    if (this.#wanted || this.#place.type !== "open" || !this.#place.synced) return;
    this.#wanted = true;
    this.#port.toHost({ t: "want-snapshot", channel: this.#place.number, lines: 0 });
  }

  /** The screen that was wanted has begun, or will not come. */
  wantOver(): void {
    this.#wanted = false;
  }

  wantHistory(viewer: string, lines: number): void {
    if (this.#place.type === "open") this.#port.toHost({ t: "want-snapshot", channel: this.#place.number, lines, viewer });
  }

  need(epoch: number, from: number, to: number): void {
    if (this.#place.type === "open") this.#port.toHost({ t: "need", channel: this.#place.number, epoch, from, to });
  }

  ack(epoch: number, offset: number): void {
    if (this.#place.type !== "open" || offset <= this.#acked) return;
    this.#acked = offset;
    this.#port.toHost({ t: "ack", channel: this.#place.number, epoch, offset });
  }
}
