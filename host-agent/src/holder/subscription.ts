/** [CH4] [CH5] What one connection still owes one watcher: snapshots and replays first, then the live stream within its grant. */
import { HOLD_MS } from "@maestro/shared/limits";
import { afterSend, decide, MAX_TARGET_BYTES, startPace } from "../terminal/coalesce.ts";
import type { Clock } from "./clock.ts";
import type { HeldSession, Watcher } from "./held-session.ts";
import { MAX_HOLDER_DATA_BYTES, type HolderMessage } from "./protocol.ts";

/** Bytes sent before others have their turn: what makes one frame on the link. */
const PIECE_BYTES = MAX_TARGET_BYTES;
/** Replays and snapshots a client may have asked for and not got; a client that asks for more is broken. */
const MAX_JOBS = 256;

export type Job =
  | { type: "replay"; epoch: number; from: number; to: number }
  /** Ready to send, `sent` bytes of it gone, -1 before its head; the replay to the live position is queued behind it. */
  | { type: "snapshot"; head: Extract<HolderMessage, { t: "snapshot" }>; bytes: Uint8Array; sent: number; done: () => void };

/** What a subscription can say; written by the connection. */
export interface SubscriptionSink {
  output(index: number, epoch: number, offset: number, replay: boolean, views: readonly Uint8Array[], length: number): void;
  part(bytes: Uint8Array): void;
  control(message: HolderMessage): void;
  /** There is something to send: ask `step` when there is room. */
  ready(subscription: Subscription): void;
  /** Its session left the list. */
  left(subscription: Subscription): void;
}

export class Subscription implements Watcher {
  readonly index: number;
  readonly session: HeldSession;
  readonly #sink: SubscriptionSink;
  readonly #clock: Clock;
  readonly #credit: number;
  #jobs: Job[] = [];
  #sent: number;
  #upTo: number;
  #pace = startPace();
  #cancelHeld: (() => void) | undefined;
  progressMs: number;
  holdMs = HOLD_MS;
  /** Who states a hold, as the host-agent does, means to come back; a local viewer that goes is gone. */
  lingers = false;

  constructor(index: number, session: HeldSession, from: number, credit: number, sink: SubscriptionSink, clock: Clock) {
    this.index = index;
    this.session = session;
    this.#sink = sink;
    this.#clock = clock;
    this.#credit = credit;
    this.#sent = from;
    this.#upTo = from + credit;
    this.progressMs = clock.monotonicMs();
  }

  get sent(): number {
    return this.#sent;
  }

  get unsent(): number {
    return this.session.ring.end - this.#sent;
  }

  wake(): void {
    // Held, and still too little: nothing would come of it.
    if (this.#cancelHeld !== undefined && this.unsent < this.#pace.targetBytes && this.#jobs.length === 0 && this.session.end === undefined)
      return;
    this.#sink.ready(this);
  }

  /** Its connection wants no more of it. */
  dispose(): void {
    this.#cancelHeld?.();
  }

  grant(epoch: number, upTo: number): void {
    if (epoch !== this.session.epoch || upTo <= this.#upTo) return;
    this.#upTo = upTo;
    this.#progress();
    this.wake();
    this.session.updateFlow();
  }

  hold(ms: number): void {
    this.lingers = true;
    this.holdMs = ms;
    this.session.updateFlow();
  }

  /** False when the client asks for more than it takes. */
  enqueue(job: Job): boolean {
    if (this.#jobs.length >= MAX_JOBS) return false;
    this.#jobs.push(job);
    this.wake();
    return true;
  }

  restarted(epoch: number, offset: number): void {
    for (const job of this.#jobs) if (job.type === "snapshot") job.done();
    this.#jobs = [];
    this.#sent = offset;
    this.#upTo = offset + this.#credit;
    this.#progress();
    this.#sink.control({ t: "epoch", session: this.session.id, epoch, offset });
    this.wake();
  }

  left(): void {
    this.#sink.left(this);
  }

  /** Sends one piece; false when there is nothing to send now. */
  step(): boolean {
    const job = this.#jobs[0];
    if (job === undefined) return this.#live();
    switch (job.type) {
      case "replay":
        if (this.#replay(job)) this.#jobs.shift();
        return true;
      case "snapshot":
        if (this.#snapshotPiece(job)) {
          this.#jobs.shift();
          job.done();
        }
        return true;
    }
  }

  /** A snapshot once begun is sent to its end before anything else of this connection: its parts carry no name. */
  get exclusive(): boolean {
    const job = this.#jobs[0];
    return job?.type === "snapshot" && job.sent >= 0;
  }

  #live(): boolean {
    const { ring } = this.session;
    if (this.#sent < ring.start) {
      // On to the newest byte: what is behind it would be overrun as well.
      this.#gap(this.session.epoch, this.#sent, ring.end);
      this.#sent = ring.end;
      this.#progress();
      return true;
    }
    const granted = Math.min(this.#upTo, ring.end) - this.#sent;
    if (granted <= 0 || this.#holds(granted)) return false;
    const length = Math.min(PIECE_BYTES, granted);
    this.#pace = afterSend(this.#pace, this.#clock.monotonicMs(), length);
    this.#sink.output(this.index, this.session.epoch, this.#sent, false, ring.readAll(this.#sent, length), length);
    this.#sent += length;
    this.#progress();
    return true;
  }

  /**
   * [CH3] A flood that comes in small reads (tmux: 4 KiB each) would wake the host-agent for every one of them; it is told
   * in pieces worth waking for. The last bytes of a session wait for nothing.
   */
  #holds(waitingBytes: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const verdict = decide(this.#pace, nowMs, waitingBytes);
    if (verdict.type === "send" || this.session.end !== undefined) return false;
    this.#cancelHeld ??= this.#clock.after(Math.max(1, Math.ceil(verdict.untilMs - nowMs)), () => {
      this.#cancelHeld = undefined;
      this.wake();
    });
    return true;
  }

  /** True when done. */
  #replay(job: Job & { type: "replay" }): boolean {
    const { ring, epoch } = this.session;
    if (job.epoch !== epoch) return true;
    if (job.from < ring.start) {
      const to = Math.min(job.to, ring.start);
      this.#gap(epoch, job.from, to);
      job.from = to;
    }
    const length = Math.min(PIECE_BYTES, Math.min(job.to, ring.end) - job.from);
    if (length <= 0) return true;
    this.#sink.output(this.index, epoch, job.from, true, ring.readAll(job.from, length), length);
    job.from += length;
    return job.from >= job.to;
  }

  #snapshotPiece(job: Job & { type: "snapshot" }): boolean {
    if (job.sent < 0) {
      this.#sink.control(job.head);
      job.sent = 0;
    }
    const piece = job.bytes.subarray(job.sent, job.sent + MAX_HOLDER_DATA_BYTES);
    if (piece.byteLength > 0) this.#sink.part(piece);
    job.sent += piece.byteLength;
    return job.sent >= job.bytes.byteLength;
  }

  #gap(epoch: number, from: number, to: number): void {
    if (to > from) this.#sink.control({ t: "gap", session: this.session.id, epoch, from, to });
  }

  #progress(): void {
    this.progressMs = this.#clock.monotonicMs();
  }
}
