/**
 * One session's channel on the link and the viewers on it: who gets which bytes, what is asked of the host.
 * All decisions and no sockets: it speaks through a port, so the fuzz drives exactly what runs.
 */
import { MAX_REPLAY_BYTES, SNAPSHOT_MAX_BYTES } from "@maestro/shared/limits";
import { encodeFrame, FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import type { RelayFrame, SnapshotBegin, WatchResult } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import type { Memory } from "./memory.ts";
import { acknowledged, afterEpoch, afterGap, afterLinkLoss, afterScreen, follow, offer, owed, replayDue, type Stream } from "./stream.ts";

export interface ChannelPort<V> {
  /** Asks the host to open the channel; answered by `opened` or `refused`. */
  watch(from: Cursor | undefined): void;
  toHost(frame: RelayFrame): void;
  toViewer(viewer: V, frame: ToViewerFrame): void;
  bytes(viewer: V, frame: ArrayBuffer): void;
  /** The viewer's place changed in kind (never called per frame). */
  moved(viewer: V, stream: Stream): void;
}

/** Where the channel stands on the link. */
type Place =
  | { type: "closed" }
  | { type: "opening" }
  /** Open; `synced` is false after a wake until the host restated its position. */
  | { type: "open"; number: number; synced: boolean };

interface Transfer<V> {
  viewers: V[];
  left: number;
  /** Somebody's share did not fit into the memory: another screen now would not either. */
  refused: boolean;
}

interface Entry {
  id: string;
  stream: Stream;
  /** Lines of scrollback this viewer waits for; kept while the channel opens anew. */
  history: number | undefined;
  /** The host has been asked for them. */
  asked: boolean;
}

export class Channel<V extends object> {
  readonly #port: ChannelPort<V>;
  readonly #memory: Memory;
  readonly #viewers = new Map<V, Entry>();
  #place: Place = { type: "closed" };
  #epoch = 0;
  /** The next live byte the host will send. */
  #live = 0;
  /** What the host was told last [VW4]. */
  #linkAcked = 0;
  /** A screen for all who wait was asked for and has not begun. */
  #wanted = false;
  #transfer: Transfer<V> | undefined;

  constructor(port: ChannelPort<V>, memory: Memory) {
    this.#port = port;
    this.#memory = memory;
  }

  get number(): number | undefined {
    return this.#place.type === "open" ? this.#place.number : undefined;
  }

  /** Asked for, and not answered yet. */
  get opening(): boolean {
    return this.#place.type === "opening";
  }

  get empty(): boolean {
    return this.#viewers.size === 0;
  }

  streamOf(viewer: V): Stream | undefined {
    return this.#viewers.get(viewer)?.stream;
  }

  /** A viewer said hello. `linked`: whether the host is there to be asked. */
  join(viewer: V, id: string, from: Cursor | undefined, linked: boolean): void {
    this.#viewers.set(viewer, { id, stream: { type: "joining", from }, history: undefined, asked: false });
    this.#port.moved(viewer, { type: "joining", from });
    if (this.#place.type === "open" && this.#place.synced) this.#admit(viewer, from);
    else if (linked) this.open();
  }

  /** After a wake: the viewer's place as it was saved, and the channel's number where it had one. */
  restore(viewer: V, id: string, stream: Stream, number: number | undefined): void {
    this.#viewers.set(viewer, { id, stream, history: undefined, asked: false });
    if (stream.type === "resuming") this.#epoch = stream.epoch;
    if (number !== undefined) this.#place = { type: "open", number, synced: false };
  }

  /** Asks for the channel, when somebody watches and it is not open. */
  open(): void {
    if (this.#place.type !== "closed" || this.empty) return;
    this.#place = { type: "opening" };
    this.#port.watch(this.#best());
  }

  opened(result: Pick<WatchResult, "channel" | "epoch" | "offset">): void {
    this.#place = { type: "open", number: result.channel, synced: true };
    if (this.empty) return this.#close(false);
    this.#standAt(result.epoch, result.offset);
    // All: the number travels with each viewer's saved place.
    for (const [viewer, { stream }] of this.#viewers) this.#port.moved(viewer, stream);
  }

  /** The host would not open it; whoever joins next asks again. */
  refused(): void {
    if (this.#place.type === "opening") this.#place = { type: "closed" };
  }

  /** The link went, and with it everything that was under way. */
  lost(): void {
    this.#place = { type: "closed" };
    this.#wanted = false;
    this.#transfer = undefined;
    this.#linkAcked = 0;
    for (const [viewer, entry] of this.#viewers) {
      entry.asked = false;
      this.#set(viewer, afterLinkLoss(entry.stream));
    }
  }

  /** The host restated where this channel stands (answer to `sync`). */
  synced(at: { channel: number; epoch: number; sent: number; acked: number }): void {
    if (this.empty) return;
    this.#place = { type: "open", number: at.channel, synced: true };
    this.#linkAcked = at.acked;
    this.#standAt(at.epoch, at.sent);
    for (const [viewer, { stream }] of this.#viewers) this.#port.moved(viewer, stream);
  }

  /** @param goodbye it meant to go: nobody waits for it. */
  leave(viewer: V, goodbye: boolean): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined) return;
    this.#memory.move(owed(entry.stream), 0);
    this.#viewers.delete(viewer);
    if (this.empty && this.#place.type === "open") this.#close(!goodbye);
  }

  /** The echo path: no storage, no schema, no copy when nothing has to be cut. */
  output(frame: Frame, whole: ArrayBuffer): void {
    if (frame.epoch !== this.#epoch) return;
    const replay = (frame.flags & FLAG.replay) !== 0;
    const span = { epoch: frame.epoch, offset: frame.offset, length: frame.payload.byteLength };
    if (!replay) this.#live = Math.max(this.#live, span.offset + span.length);
    let cut: { skip: number; bytes: ArrayBuffer } | undefined;
    let ahead = false;
    for (const [viewer, entry] of this.#viewers) {
      const decision = offer(entry.stream, span, replay, this.#memory.room);
      if (decision.type === "skip") {
        if (replay || entry.stream.type !== "following") continue;
        // A viewer that is ahead has nothing new to confirm, and yet the host waits for word; one behind may not ask by itself.
        if (entry.stream.sent >= this.#live) ahead = true;
        else this.#catchUp(viewer);
        continue;
      }
      if (decision.type === "refuse") {
        if (decision.memory) this.#memory.refused();
        this.#set(viewer, decision.next);
        if (decision.next.type === "awaiting") this.#want();
        continue;
      }
      if (decision.skip === 0) this.#port.bytes(viewer, whole);
      else {
        if (cut?.skip !== decision.skip) cut = { skip: decision.skip, bytes: tail(frame, decision.skip) };
        this.#port.bytes(viewer, cut.bytes);
      }
      this.#set(viewer, decision.next);
      if (replay) this.#catchUp(viewer);
    }
    if (ahead) this.#ackHost();
  }

  ack(viewer: V, epoch: number, offset: number): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined) return;
    this.#set(viewer, acknowledged(entry.stream, epoch, offset));
    this.#serve(viewer);
    this.#ackHost();
  }

  /**
   * [CH4] The screen with scrollback, for this viewer alone: at once, or as soon as the channel is open and the viewer
   * follows. False: there is no room for it now, and it is not waited for.
   */
  history(viewer: V, lines: number): boolean {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined || entry.asked) return true;
    const fits = this.#memory.room >= SNAPSHOT_MAX_BYTES;
    entry.history = fits ? lines : undefined;
    this.#askHistory(entry);
    return fits;
  }

  snapshotBegins(begin: SnapshotBegin): void {
    this.#abortTransfer();
    if (begin.viewer === undefined) this.#wanted = false;
    if (begin.epoch !== this.#epoch) return;
    const viewers: V[] = [];
    let refused = false;
    for (const [viewer, entry] of this.#viewers) {
      if (!this.#wants(entry, begin)) continue;
      if (begin.bytes > this.#memory.room) {
        this.#memory.refused();
        refused = true;
        if (begin.viewer !== undefined) entry.asked = false;
        continue;
      }
      if (begin.viewer !== undefined) {
        entry.history = undefined;
        entry.asked = false;
      }
      const { epoch, offset, bytes, cols, rows, lines } = begin;
      const missing = entry.stream.type === "awaiting" ? entry.stream.missing : undefined;
      if (missing !== undefined && missing.epoch === epoch && missing.offset < offset) {
        this.#port.toViewer(viewer, { t: "gap", epoch, from: missing.offset, to: offset });
      }
      this.#port.toViewer(viewer, { t: "snapshot", epoch, offset, bytes, cols, rows, lines });
      this.#set(viewer, { type: "receiving", epoch, offset, bytes });
      viewers.push(viewer);
    }
    this.#transfer = { viewers, left: begin.bytes, refused };
    if (begin.bytes === 0) this.#endTransfer();
  }

  snapshotPart(frame: Frame, whole: ArrayBuffer): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    for (const viewer of transfer.viewers) if (this.#viewers.has(viewer)) this.#port.bytes(viewer, whole);
    transfer.left -= frame.payload.byteLength;
    if (transfer.left <= 0 || (frame.flags & FLAG.last) !== 0) this.#endTransfer();
  }

  gap(gap: { epoch: number; from: number; to: number }): void {
    if (gap.epoch !== this.#epoch) return;
    this.#live = Math.max(this.#live, gap.to);
    for (const [viewer, { stream }] of this.#viewers) {
      this.#set(viewer, afterGap(stream, gap));
      this.#serve(viewer);
    }
  }

  /** The host says anew where the channel stands: whatever was under way, replays included, will not come. */
  epochChanged(epoch: number, offset: number): void {
    this.#abortTransfer();
    this.#wanted = false;
    for (const [viewer, entry] of this.#viewers) {
      entry.asked = false;
      this.#set(viewer, afterLinkLoss(entry.stream));
    }
    this.#standAt(epoch, offset);
  }

  /** Memory came free: whoever was refused for want of it is served again. */
  retry(): void {
    for (const viewer of this.#viewers.keys()) this.#serve(viewer);
  }

  #standAt(epoch: number, live: number): void {
    this.#live = live;
    if (epoch !== this.#epoch) this.#linkAcked = 0;
    this.#epoch = epoch;
    for (const [viewer, { stream }] of this.#viewers) {
      this.#set(viewer, afterEpoch(stream, epoch));
      if (stream.type === "joining") this.#admit(viewer, stream.from);
      else this.#serve(viewer);
    }
    this.#ackHost();
  }

  /** [CH4] With a `from` that can be honoured only the missing bytes are sent; if the ring lost them, the host says gap. */
  #admit(viewer: V, from: Cursor | undefined): void {
    if (from !== undefined && from.epoch === this.#epoch && from.offset <= this.#live + MAX_REPLAY_BYTES) {
      this.#port.toViewer(viewer, { t: "resumed", epoch: from.epoch, offset: from.offset });
      this.#set(viewer, follow(from.epoch, from.offset));
    } else {
      this.#set(viewer, { type: "awaiting", missing: from !== undefined && from.epoch === this.#epoch ? from : undefined });
    }
    this.#serve(viewer);
  }

  /** Asks the host for whatever this viewer lacks. */
  #serve(viewer: V): void {
    const entry = this.#viewers.get(viewer);
    if (entry?.stream.type === "awaiting") this.#want();
    else if (entry?.stream.type === "following") {
      this.#catchUp(viewer);
      this.#askHistory(entry);
    }
  }

  #askHistory(entry: Entry): void {
    const lines = entry.history;
    if (lines === undefined || entry.asked || entry.stream.type !== "following") return;
    if (this.#place.type !== "open" || !this.#place.synced) return;
    if (this.#memory.room < SNAPSHOT_MAX_BYTES) return this.#memory.refused();
    entry.asked = true;
    this.#port.toHost({ t: "want-snapshot", channel: this.#place.number, lines, viewer: entry.id });
  }

  #catchUp(viewer: V): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined || this.#place.type !== "open" || !this.#place.synced) return;
    const due = replayDue(entry.stream, this.#live, this.#memory.room);
    if (due === undefined) return;
    if (due === "no-room") return this.#memory.refused();
    this.#set(viewer, due.next);
    this.#port.toHost({ t: "need", channel: this.#place.number, epoch: this.#epoch, from: due.from, to: due.to });
  }

  #want(): void {
    if (this.#wanted || this.#place.type !== "open" || !this.#place.synced) return;
    this.#wanted = true;
    this.#port.toHost({ t: "want-snapshot", channel: this.#place.number, lines: 0 });
  }

  #wants(entry: { id: string; stream: Stream }, begin: SnapshotBegin): boolean {
    if (begin.viewer === undefined) return entry.stream.type === "awaiting";
    return begin.viewer === entry.id && entry.stream.type !== "joining";
  }

  #endTransfer(): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    for (const viewer of transfer?.viewers ?? []) {
      const entry = this.#viewers.get(viewer);
      if (entry !== undefined) this.#set(viewer, afterScreen(entry.stream, this.#live));
    }
    // Somebody may have come while this one was under way. Who was refused waits for `retry`.
    if (transfer?.refused !== true) for (const { stream } of this.#viewers.values()) if (stream.type === "awaiting") this.#want();
    this.#ackHost();
  }

  #abortTransfer(): void {
    for (const viewer of this.#transfer?.viewers ?? []) {
      if (this.#viewers.get(viewer)?.stream.type === "receiving") this.#set(viewer, { type: "awaiting", missing: undefined });
    }
    this.#transfer = undefined;
  }

  /** [VW4] The program runs at the speed of the fastest viewer. */
  #ackHost(): void {
    if (this.#place.type !== "open") return;
    let fastest = 0;
    for (const { stream } of this.#viewers.values()) {
      if (stream.type === "following" && stream.epoch === this.#epoch) fastest = Math.max(fastest, stream.acked);
    }
    fastest = Math.min(fastest, this.#live);
    if (fastest <= this.#linkAcked) return;
    this.#linkAcked = fastest;
    this.#port.toHost({ t: "ack", channel: this.#place.number, epoch: this.#epoch, offset: fastest });
  }

  /** Where a new watch should begin: as far as anybody came, so that the rest is live. */
  #best(): Cursor | undefined {
    let best: Cursor | undefined;
    for (const { stream } of this.#viewers.values()) {
      const at =
        stream.type === "following" ? { epoch: stream.epoch, offset: stream.sent } : stream.type === "joining" ? stream.from : undefined;
      if (at !== undefined && (best === undefined || at.epoch > best.epoch || (at.epoch === best.epoch && at.offset > best.offset)))
        best = at;
    }
    return best;
  }

  #close(lingers: boolean): void {
    const number = this.number;
    this.#place = { type: "closed" };
    this.#wanted = false;
    this.#transfer = undefined;
    this.#linkAcked = 0;
    if (number !== undefined) this.#port.toHost({ t: "unwatch", channel: number, ...(lingers ? { lingers } : {}) });
  }

  #set(viewer: V, stream: Stream): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined || entry.stream === stream) return;
    const before = entry.stream;
    entry.stream = stream;
    this.#memory.move(owed(before), owed(stream));
    if (before.type !== stream.type) this.#port.moved(viewer, stream);
  }
}

function tail(frame: Frame, skip: number): ArrayBuffer {
  return encodeFrame({ ...frame, offset: frame.offset + skip, payload: frame.payload.subarray(skip) }).buffer;
}
