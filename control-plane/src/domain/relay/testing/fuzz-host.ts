/** The far side of the fuzz: ring, channel, credit and replay as the host-agent has them. */
import { MAX_REPLAY_BYTES } from "@maestro/shared/limits";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { encodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import type { HostFrame, RelayFrame } from "@maestro/shared/protocol/link";
import { bytesOf, Violation } from "./fuzz-program.ts";

const RING_BYTES = 1_000_000;
const LINK_CREDIT_BYTES = 256 * 1024;

export type ChannelNews = Extract<HostFrame, { t: "snapshot" | "gap" | "epoch" }>;

export class FuzzHost {
  readonly #random: () => number;
  epoch = 1;
  head = 0;
  sent = 0;
  acked = 0;
  channel: number | undefined;
  /** Messages that have not reached it, each with what it will do about it. */
  readonly queue: (() => void)[] = [];
  /** What is on its way to the relay. */
  readonly wire: (Uint8Array<ArrayBuffer> | ChannelNews)[] = [];
  snapshots = 0;
  /** Screens of more than what was sent. */
  beyond = 0;
  #ringStart = 0;
  /** Where the last screen was drawn: the holder reads on and never back. */
  #drawn = 0;
  #nextChannel = 1;

  constructor(random: () => number) {
    this.#random = random;
  }

  write(bytes: number): void {
    this.head += bytes;
  }

  /** The ring forgets; not at once, so that what was just written may still be asked for. */
  trim(): void {
    this.#ringStart = Math.max(this.#ringStart, this.head - RING_BYTES);
  }

  watch(from: Cursor | undefined): { channel: number; epoch: number; offset: number } {
    this.channel = this.#nextChannel++;
    const honoured = from !== undefined && from.epoch === this.epoch && from.offset >= this.#ringStart && from.offset <= this.head;
    this.sent = honoured ? from.offset : this.head;
    this.acked = this.sent;
    return { channel: this.channel, epoch: this.epoch, offset: this.sent };
  }

  handle(message: RelayFrame): void {
    if (this.channel === undefined || ("channel" in message && message.channel !== this.channel)) return;
    if (message.t === "unwatch") this.channel = undefined;
    else if (message.t === "ack") {
      if (message.epoch === this.epoch) this.acked = Math.min(this.sent, Math.max(this.acked, message.offset));
    } else if (message.t === "want-snapshot") this.#draw(this.channel, message.lines, message.viewer);
    else if (message.t === "need" && message.epoch === this.epoch) {
      if (message.to - message.from > MAX_REPLAY_BYTES) throw new Violation("asked for more than one stretch");
      if (message.from < this.#ringStart) this.#tellGap(this.channel, message.from);
      else this.#replay(message.from, Math.min(message.to, this.head));
    }
  }

  /** Live output within the link's credit. */
  pump(): void {
    if (this.channel === undefined) return;
    if (this.sent < this.#ringStart) {
      this.#tellGap(this.channel, this.sent);
      this.sent = this.#ringStart;
      this.acked = this.sent;
    }
    const size = Math.min(this.head - this.sent, this.acked + LINK_CREDIT_BYTES - this.sent, 1 + this.#int(200_000));
    if (size <= 0) return;
    this.#frame("output", 0, this.sent, bytesOf(this.epoch, this.sent, this.sent + size));
    this.sent += size;
  }

  /** Everything on the link is lost, and the channel with it. */
  cut(): void {
    this.queue.length = 0;
    this.wire.length = 0;
    this.channel = undefined;
  }

  beginEpoch(): void {
    this.epoch += 1;
    this.head = 0;
    this.sent = 0;
    this.acked = 0;
    this.#ringStart = 0;
    this.#drawn = 0;
    if (this.channel !== undefined) this.wire.push({ t: "epoch", channel: this.channel, epoch: this.epoch, offset: 0 });
  }

  /** The holder draws it of all it has read, which what was sent lags behind; or of a little before, when that is on its way. */
  #draw(channel: number, lines: number, viewer: string | undefined): void {
    this.snapshots += 1;
    const at = this.#random() < 0.5 ? this.sent + this.#int(this.head - this.sent + 1) : this.sent - this.#int(4000);
    const offset = Math.max(this.#ringStart, this.#drawn, at);
    this.#drawn = offset;
    if (offset > this.sent) this.beyond += 1;
    const bytes = this.#int(20_000);
    this.wire.push({
      t: "snapshot",
      channel,
      epoch: this.epoch,
      offset,
      bytes,
      cols: 80,
      rows: 24,
      lines,
      ...(viewer === undefined ? {} : { viewer }),
    });
    for (let left = bytes; left > 0;) {
      const size = Math.min(left, 1 + this.#int(8000));
      left -= size;
      this.#frame("snapshot", left === 0 ? FLAG.last : 0, offset, new Uint8Array(size));
    }
    this.#replay(offset, this.sent);
  }

  #replay(from: number, to: number): void {
    for (let at = from; at < to;) {
      const end = Math.min(to, at + 1 + this.#int(64 * 1024));
      this.#frame("output", FLAG.replay, at, bytesOf(this.epoch, at, end));
      at = end;
    }
  }

  #tellGap(channel: number, from: number): void {
    this.wire.push({ t: "gap", channel, epoch: this.epoch, from, to: this.#ringStart });
  }

  #frame(kind: "output" | "snapshot", flags: number, offset: number, payload: Uint8Array): void {
    this.wire.push(encodeFrame({ kind, flags, epoch: this.epoch, channel: this.channel ?? 0, offset, payload }));
  }

  #int(max: number): number {
    return Math.floor(this.#random() * max);
  }
}
