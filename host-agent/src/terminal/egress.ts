/**
 * What leaves on the link, and in which order: control frames first, then the channels in turn, one frame each,
 * so that a flood delays neither another channel nor an answer [CH3]. When the socket does not drain, nothing is
 * handed to it: bytes wait in their channels, where credit bounds them.
 */
import { MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { noCancel, type Cancel, type Clock } from "../daemon/clock.ts";
import type { Channel } from "./channel.ts";
import { fullBudget, refill, takeToken, waitMs } from "./frame-budget.ts";

export interface FrameSink {
  sendText(text: string): void;
  sendBinary(bytes: Uint8Array): void;
  /** Bytes handed over that have not reached the kernel. */
  readonly bufferedBytes: number;
}

/** Above this, data waits in its channel; small, so that an answer never queues behind much of it. */
const DATA_HIGH_WATER_BYTES = 256 * 1024;
/** Above this, control frames wait too. */
const CONTROL_HIGH_WATER_BYTES = 1024 * 1024;
/** Above this, logs wait: what a keystroke's echo finds before it stays small. */
const QUIET_BYTES = 64 * 1024;
/** Waiting control frames; more means that the far end reads nothing while asking much. */
export const MAX_CONTROL_QUEUE = 4096;
const MAX_CONTROL_QUEUE_BYTES = 64 * MAX_CONTROL_BYTES;

export class Egress {
  readonly #sink: FrameSink;
  readonly #clock: Clock;
  /** The link cannot be kept honest any more: too much waits. */
  readonly #overflow: () => void;
  readonly #channels = new Map<number, Channel>();
  /** Channels with something to send, in turn. */
  #turn: Channel[] = [];
  /** Logs give way to all of these. */
  #whenQuiet: (() => void)[] = [];
  #control: string[] = [];
  #controlBytes = 0;
  #budget;
  #cancelWake: Cancel = noCancel;
  #scheduled = false;
  #closed = false;
  /** Told after each frame of a channel: more may be asked of the holder now. */
  readonly #sent: (channel: Channel) => void;

  constructor(sink: FrameSink, clock: Clock, hooks: { overflow(): void; sent(channel: Channel): void }) {
    this.#sink = sink;
    this.#clock = clock;
    this.#overflow = hooks.overflow;
    this.#sent = hooks.sent;
    this.#budget = fullBudget(clock.monotonicMs());
  }

  control(text: string): void {
    if (this.#closed) return;
    if (this.#control.length === 0 && this.#sink.bufferedBytes < CONTROL_HIGH_WATER_BYTES) return this.#sink.sendText(text);
    this.#control.push(text);
    this.#controlBytes += text.length;
    if (this.#control.length > MAX_CONTROL_QUEUE || this.#controlBytes > MAX_CONTROL_QUEUE_BYTES) this.#overflow();
  }

  /** A frame of data that belongs to no channel (an answer's blob). Goes with the control frames, in order. */
  data(bytes: Uint8Array): void {
    if (!this.#closed) this.#sink.sendBinary(bytes);
  }

  /** Calls once, when neither answers nor channels have anything to send and little is on its way: `send` may send one frame then. */
  whenQuiet(send: () => void): void {
    if (this.#closed) return;
    this.#whenQuiet.push(send);
    this.pump();
  }

  add(channel: Channel): void {
    this.#channels.set(channel.id, channel);
  }
  remove(channel: Channel): void {
    this.#channels.delete(channel.id);
    this.#turn = this.#turn.filter((other) => other !== channel);
  }

  /** The channel has something new. */
  touch(channel: Channel): void {
    if (this.#closed || !this.#channels.has(channel.id)) return;
    if (!this.#turn.includes(channel)) this.#turn.push(channel);
    this.pump();
  }

  /** Sends what may be sent now. Called after every change and whenever the socket drained. */
  pump(): void {
    if (this.#closed) return;
    this.#pumpControl();
    let wakeMs = Number.POSITIVE_INFINITY;
    let asleep = 0;
    while (asleep < this.#turn.length) {
      if (this.#control.length > 0 || this.#sink.bufferedBytes >= DATA_HIGH_WATER_BYTES) return;
      const channel = this.#turn[0];
      if (channel === undefined) return;
      const nowMs = this.#clock.monotonicMs();
      const next = channel.next(nowMs);
      switch (next.type) {
        case "idle":
          this.#turn.shift();
          break;
        case "wait":
          wakeMs = Math.min(wakeMs, next.untilMs - nowMs);
          this.#rotate();
          asleep += 1;
          break;
        case "ready": {
          this.#budget = refill(this.#budget, nowMs);
          const budgetMs = waitMs(this.#budget, channel.queuedBytes);
          wakeMs = budgetMs > 0 ? Math.min(wakeMs, budgetMs) : wakeMs;
          asleep = budgetMs > 0 ? asleep + 1 : 0;
          if (budgetMs === 0) this.#send(channel, nowMs);
          this.#rotate();
          break;
        }
      }
    }
    wakeMs = Math.min(wakeMs, this.#pumpQuiet());
    if (wakeMs !== Number.POSITIVE_INFINITY) this.#wakeIn(wakeMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancelWake();
    this.#channels.clear();
    this.#turn = [];
    this.#control = [];
    this.#whenQuiet = [];
  }

  #send(channel: Channel, nowMs: number): void {
    const frame = channel.take(nowMs);
    if (frame === undefined) return;
    if (frame.type === "text") {
      this.#sink.sendText(frame.text);
    } else {
      this.#budget = takeToken(this.#budget);
      this.#sink.sendBinary(frame.bytes);
    }
    this.#sent(channel);
  }

  /** When it may go on, if it is the frames of this second that it waits for. */
  #pumpQuiet(): number {
    while (this.#whenQuiet.length > 0 && this.#control.length === 0 && this.#sink.bufferedBytes < QUIET_BYTES) {
      this.#budget = refill(this.#budget, this.#clock.monotonicMs());
      const budgetMs = waitMs(this.#budget, Number.POSITIVE_INFINITY);
      if (budgetMs > 0) return budgetMs;
      this.#budget = takeToken(this.#budget);
      this.#whenQuiet.shift()?.();
    }
    return Number.POSITIVE_INFINITY;
  }

  #pumpControl(): void {
    let done = 0;
    for (const text of this.#control) {
      if (this.#sink.bufferedBytes >= CONTROL_HIGH_WATER_BYTES) break;
      this.#sink.sendText(text);
      this.#controlBytes -= text.length;
      done += 1;
    }
    if (done > 0) this.#control.splice(0, done);
  }

  #rotate(): void {
    const head = this.#turn.shift();
    if (head !== undefined) this.#turn.push(head);
  }

  #wakeIn(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#cancelWake = this.#clock.after(Math.max(1, Math.ceil(ms)), () => {
      this.#scheduled = false;
      this.pump();
    });
  }
}
