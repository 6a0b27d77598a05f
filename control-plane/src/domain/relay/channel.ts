/**
 * One session's channel on the link and the viewers on it: who gets which bytes, what is asked of the host.
 * All decisions and no sockets: it speaks through a port, so the fuzz drives exactly what runs.
 */
import { MAX_REPLAY_BYTES } from "@maestro/shared/limits";
import { encodeFrame, FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import type { SnapshotBegin, WatchResult } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { ChannelLink, type ChannelLinkPort } from "./channel-link.ts";
import { ChannelViewers } from "./channel-viewers.ts";
import type { Memory } from "./memory.ts";
import { ScreenTransfer } from "./screen-transfer.ts";
import { acknowledged, afterEpoch, afterGap, afterLinkLoss, follow, offer, type Stream } from "./stream.ts";
import { Supply } from "./supply.ts";

export interface ChannelPort<V> extends ChannelLinkPort {
  toViewer(viewer: V, frame: ToViewerFrame): void;
  bytes(viewer: V, frame: ArrayBuffer): void;
  /** The viewer's place changed in kind (never called per frame). */
  moved(viewer: V, stream: Stream): void;
}

export class Channel<V extends object> {
  readonly #port: ChannelPort<V>;
  readonly #memory: Memory;
  readonly #link: ChannelLink;
  readonly #viewers: ChannelViewers<V>;
  readonly #supply: Supply<V>;
  readonly #screen: ScreenTransfer<V>;
  #epoch = 0;
  /** The next live byte the host will send. */
  #live = 0;

  constructor(port: ChannelPort<V>, memory: Memory) {
    this.#port = port;
    this.#memory = memory;
    this.#link = new ChannelLink(port);
    this.#viewers = new ChannelViewers(memory, (viewer, stream) => port.moved(viewer, stream));
    this.#supply = new Supply(this.#viewers, this.#link, memory);
    this.#screen = new ScreenTransfer(this.#viewers, memory, port);
  }

  get number(): number | undefined {
    return this.#link.number;
  }

  /** Asked for, and not answered yet. */
  get opening(): boolean {
    return this.#link.place === "opening";
  }

  get empty(): boolean {
    return this.#viewers.all.size === 0;
  }

  streamOf(viewer: V): Stream | undefined {
    return this.#viewers.get(viewer)?.stream;
  }

  /** A viewer said hello. `linked`: whether the host is there to be asked. */
  join(viewer: V, id: string, from: Cursor | undefined, linked: boolean): void {
    this.#viewers.add(viewer, id, { type: "joining", from });
    this.#port.moved(viewer, { type: "joining", from });
    if (this.#link.synced) this.#admit(viewer, from);
    else if (linked) this.open();
  }

  /** After a wake: the viewer's place as it was saved, and the channel's number where it had one. */
  restore(viewer: V, id: string, stream: Stream, number: number | undefined): void {
    this.#viewers.add(viewer, id, stream);
    if (stream.type === "resuming") this.#epoch = stream.epoch;
    if (number !== undefined) this.#link.restored(number);
  }

  /** Asks for the channel, when somebody watches and it is not open. */
  open(): void {
    if (this.#link.place === "closed" && !this.empty) this.#link.watch(this.#viewers.furthest());
  }

  opened(result: Pick<WatchResult, "channel" | "epoch" | "offset">): void {
    this.#link.opened(result.channel);
    if (this.empty) return this.#link.close(false);
    this.#standAt(result.epoch, result.offset);
    // All: the number travels with each viewer's saved place.
    this.#viewers.restate();
  }

  /** The host would not open it; whoever joins next asks again. */
  refused(): void {
    this.#link.refused();
  }

  /** The link went, and with it everything that was under way. */
  lost(): void {
    this.#link.lost();
    this.#nothingComes();
    // Nobody is saved with its number any more: by the time the object wakes, it may be another session's.
    this.#viewers.restate();
  }

  /** The host restated where this channel stands (answer to `sync`). */
  synced(at: { channel: number; epoch: number; sent: number; acked: number }): void {
    if (this.empty) return;
    this.#link.restated(at.channel, at.acked);
    this.#standAt(at.epoch, at.sent);
    this.#viewers.restate();
  }

  /** @param goodbye it meant to go: nobody waits for it. */
  leave(viewer: V, goodbye: boolean): void {
    if (!this.#viewers.remove(viewer) || !this.empty || this.#link.place !== "open") return;
    this.#screen.abort();
    this.#link.close(!goodbye);
  }

  /** The echo path: no storage, no schema, no copy when nothing has to be cut. */
  output(frame: Frame, whole: ArrayBuffer): void {
    if (frame.epoch !== this.#epoch) return;
    const replay = (frame.flags & FLAG.replay) !== 0;
    const span = { epoch: frame.epoch, offset: frame.offset, length: frame.payload.byteLength };
    if (!replay) this.#live = Math.max(this.#live, span.offset + span.length);
    let cut: { skip: number; bytes: ArrayBuffer } | undefined;
    let ahead = false;
    for (const [viewer, entry] of this.#viewers.all) {
      const decision = offer(entry.stream, span, replay, this.#memory.room);
      if (decision.type === "skip") {
        if (replay || entry.stream.type !== "following") continue;
        // A viewer that is ahead has nothing new to confirm, and yet the host waits for word; one behind may not ask by itself.
        if (entry.stream.sent >= this.#live) ahead = true;
        else this.#supply.catchUp(viewer, this.#live);
        continue;
      }
      if (decision.type === "refuse") {
        if (decision.memory) this.#memory.refused();
        this.#viewers.set(viewer, decision.next);
        if (decision.next.type === "awaiting") this.#link.want();
        // A screen that showed nothing new is no reason for it to say anything by itself.
        if (decision.next.type === "starved" && decision.next.screen !== undefined) this.#port.toViewer(viewer, { t: "sync" });
        continue;
      }
      if (decision.skip === 0) this.#port.bytes(viewer, whole);
      else {
        if (cut?.skip !== decision.skip) cut = { skip: decision.skip, bytes: tail(frame, decision.skip) };
        this.#port.bytes(viewer, cut.bytes);
      }
      this.#viewers.set(viewer, decision.next);
      if (replay) this.#supply.catchUp(viewer, this.#live);
    }
    if (ahead) this.#ackHost();
  }

  ack(viewer: V, epoch: number, offset: number): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined) return;
    this.#viewers.set(viewer, acknowledged(entry.stream, epoch, offset));
    this.#supply.serve(viewer, this.#live);
    this.#ackHost();
  }

  /**
   * [CH4] The screen with scrollback, for this viewer alone: at once, or as soon as the channel is open and the viewer
   * follows. False: there is no room for it now, and it is not waited for.
   */
  history(viewer: V, lines: number): boolean {
    return this.#supply.history(viewer, lines);
  }

  snapshotBegins(begin: SnapshotBegin): void {
    this.#screen.abort();
    if (begin.viewer === undefined) this.#link.wantOver();
    if (begin.epoch !== this.#epoch) return;
    this.#screen.begin(begin);
    if (begin.bytes === 0) this.#screenOver();
  }

  snapshotPart(frame: Frame, whole: ArrayBuffer): void {
    if (this.#screen.part(frame, whole)) this.#screenOver();
  }

  gap(gap: { epoch: number; from: number; to: number }): void {
    if (gap.epoch !== this.#epoch) return;
    this.#live = Math.max(this.#live, gap.to);
    for (const [viewer, { stream }] of this.#viewers.all) {
      this.#viewers.set(viewer, afterGap(stream, gap));
      this.#supply.serve(viewer, this.#live);
    }
  }

  /** The host says anew where the channel stands: whatever was under way, replays included, will not come. */
  epochChanged(epoch: number, offset: number): void {
    this.#link.wantOver();
    this.#nothingComes();
    this.#standAt(epoch, offset);
  }

  /** Memory came free: whoever was refused for want of it is served again. */
  retry(): void {
    for (const viewer of this.#viewers.all.keys()) this.#supply.serve(viewer, this.#live);
  }

  #nothingComes(): void {
    this.#screen.abort();
    for (const [viewer, entry] of this.#viewers.all) {
      entry.asked = false;
      this.#viewers.set(viewer, afterLinkLoss(entry.stream));
    }
  }

  #standAt(epoch: number, live: number): void {
    this.#live = live;
    if (epoch !== this.#epoch) this.#link.epochChanged();
    this.#epoch = epoch;
    for (const [viewer, { stream }] of this.#viewers.all) {
      this.#viewers.set(viewer, afterEpoch(stream, epoch));
      if (stream.type === "joining") this.#admit(viewer, stream.from);
      else this.#supply.serve(viewer, live);
    }
    this.#ackHost();
  }

  /** [CH4] With a `from` that can be honoured only the missing bytes are sent; if the ring lost them, the host says gap. */
  #admit(viewer: V, from: Cursor | undefined): void {
    if (from !== undefined && from.epoch === this.#epoch && from.offset <= this.#live + MAX_REPLAY_BYTES) {
      this.#port.toViewer(viewer, { t: "resumed", epoch: from.epoch, offset: from.offset });
      this.#viewers.set(viewer, follow(from.epoch, from.offset));
    } else {
      this.#viewers.set(viewer, { type: "awaiting", missing: from !== undefined && from.epoch === this.#epoch ? from : undefined });
    }
    this.#supply.serve(viewer, this.#live);
  }

  #screenOver(): void {
    // Somebody may have come while this one was under way. Who was refused waits for `retry`.
    if (this.#screen.end(this.#live))
      for (const { stream } of this.#viewers.all.values()) if (stream.type === "awaiting") this.#link.want();
    this.#ackHost();
  }

  /** [VW4] The program runs at the speed of the fastest viewer. */
  #ackHost(): void {
    if (this.#link.place === "open") this.#link.ack(this.#epoch, Math.min(this.#viewers.acked(this.#epoch), this.#live));
  }
}

function tail(frame: Frame, skip: number): ArrayBuffer {
  return encodeFrame({ ...frame, offset: frame.offset + skip, payload: frame.payload.subarray(skip) }).buffer;
}
