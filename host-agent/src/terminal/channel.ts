/**
 * One session on the link. What the holder sends is kept in order and cut into frames; live output is bounded
 * by the credit the holder was granted, so a relay that does not acknowledge stops the flow at its source.
 */
import { acknowledge, openCredit, spend, type Credit } from "@maestro/shared/protocol/credit";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { encodeFrame, FLAG, HEADER_BYTES, writeHeader } from "@maestro/shared/protocol/frame";
import { LINK_CREDIT_BYTES } from "@maestro/shared/limits";
import type { SnapshotBegin } from "@maestro/shared/protocol/link";
import { hostText } from "../link/host-text.ts";
import { afterSend, decide, MAX_TARGET_BYTES, startPace } from "./coalesce.ts";

/** Payload of one snapshot frame. */
export const SNAPSHOT_FRAME_BYTES = 240 * 1024;
/**
 * The most one channel keeps: live output is held down by credit and replay by the request queue, so this
 * is reached by a faulty holder only. What does not fit is dropped and told as `gap`.
 */
export const MAX_QUEUED_BYTES = 12 * 1024 * 1024;

type Item =
  | { type: "text"; text: string }
  | { type: "snapshot"; epoch: number; offset: number; bytes: Uint8Array; sent: number }
  | { type: "output"; epoch: number; offset: number; replay: boolean; chunks: Chunk[]; length: number };

/** Bytes, and how much memory in front of them is ours to write into. */
export interface Chunk {
  bytes: Uint8Array;
  room: number;
}

export type Outgoing = { type: "text"; text: string } | { type: "binary"; bytes: Uint8Array };
export type Next = { type: "idle" } | { type: "wait"; untilMs: number } | { type: "ready" };

export class Channel {
  readonly id: number;
  readonly session: string;
  /** Nothing is sent before the relay has been told the channel's number. */
  #phase: "opening" | "open" = "opening";
  #queue: Item[] = [];
  #queuedBytes = 0;
  #cursor: Cursor = { epoch: 0, offset: 0 };
  #credit: Credit = openCredit(LINK_CREDIT_BYTES, 0);
  #pace = startPace();
  #dropped: { epoch: number; from: number; to: number } | undefined;
  /** Frames, and the holder's reads they were made of: P15 is their ratio. */
  readonly counters = { reads: 0, frames: 0, bytes: 0 };

  constructor(id: number, session: string) {
    this.id = id;
    this.session = session;
  }

  /** Where a new subscription has to go on: behind what left on the link, since what is queued then is void. */
  get resumeAt(): Cursor {
    return { epoch: this.#cursor.epoch, offset: this.#credit.sent };
  }
  get queuedBytes(): number {
    return this.#queuedBytes;
  }
  /** Absolute position up to which the holder may send live output. */
  get grant(): { epoch: number; upTo: number } {
    return { epoch: this.#cursor.epoch, upTo: this.#credit.acked + LINK_CREDIT_BYTES };
  }
  get standing(): { epoch: number; sent: number; acked: number } {
    return { epoch: this.#cursor.epoch, sent: this.#credit.sent, acked: this.#credit.acked };
  }

  /** The subscription is about to be made anew: what was queued is void, and nothing goes out until `open`. */
  reopen(): void {
    this.#phase = "opening";
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#dropped = undefined;
  }

  /**
   * Events may overtake the answer to `subscribe`; those that do not continue it belong to the subscription before.
   * @param restate the relay knows this channel: it has to hear that what it asked for before is void, its epoch included.
   */
  open(position: Cursor, restate = false): void {
    this.#phase = "open";
    const early = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#cursor = position;
    this.#credit = openCredit(LINK_CREDIT_BYTES, position.offset);
    if (restate) this.#push({ type: "text", text: hostText({ t: "epoch", channel: this.id, ...position }) });
    for (const item of early) {
      if (item.type !== "output" || item.replay) this.#push(item);
      else for (const chunk of item.chunks) item.offset += this.#takeLive(item.epoch, item.offset, chunk, "void");
    }
  }

  output(epoch: number, offset: number, replay: boolean, chunk: Chunk): void {
    this.counters.reads += 1;
    if (replay || this.#phase === "opening") this.#append(epoch, offset, replay, chunk);
    else this.#takeLive(epoch, offset, chunk, "take");
  }

  snapshot(begin: SnapshotBegin, bytes: Uint8Array): void {
    this.#push({ type: "text", text: hostText(begin) });
    if (bytes.byteLength > 0) this.#push({ type: "snapshot", epoch: begin.epoch, offset: begin.offset, bytes, sent: 0 });
  }

  /** Either the answer to a `need`, or (true) live output went on without us: then credit starts anew behind the hole. */
  gap(epoch: number, from: number, to: number): boolean {
    this.#push({ type: "text", text: hostText({ t: "gap", channel: this.id, epoch, from, to }) });
    if (epoch !== this.#cursor.epoch || to <= this.#cursor.offset) return false;
    this.#cursor = { epoch, offset: to };
    this.#credit = openCredit(LINK_CREDIT_BYTES, to);
    return true;
  }

  epoch(epoch: number, offset: number): void {
    this.#queue = this.#queue.filter((item) => item.type !== "output");
    this.#recount();
    this.#cursor = { epoch, offset };
    this.#credit = openCredit(LINK_CREDIT_BYTES, offset);
    this.#push({ type: "text", text: hostText({ t: "epoch", channel: this.id, epoch, offset }) });
  }

  /** True when the holder may go further than before. */
  ack(epoch: number, offset: number): boolean {
    if (epoch !== this.#cursor.epoch) return false;
    const before = this.#credit.acked;
    this.#credit = acknowledge(this.#credit, offset);
    return this.#credit.acked > before;
  }

  /** @param nowMs monotonic. */
  next(nowMs: number): Next {
    const head = this.#queue[0];
    if (head === undefined || this.#phase === "opening") return { type: "idle" };
    if (head.type !== "output" || head.replay || this.#queue.length > 1) return { type: "ready" };
    const verdict = decide(this.#pace, nowMs, head.length);
    return verdict.type === "send" ? { type: "ready" } : { type: "wait", untilMs: verdict.untilMs };
  }

  /** Takes the next frame; only after `next` said `ready`. */
  take(nowMs: number): Outgoing | undefined {
    this.#flushDropped();
    const head = this.#queue[0];
    if (head === undefined) return undefined;
    switch (head.type) {
      case "text":
        this.#queue.shift();
        this.#queuedBytes -= head.text.length;
        return { type: "text", text: head.text };
      case "snapshot": {
        const payload = head.bytes.subarray(head.sent, head.sent + SNAPSHOT_FRAME_BYTES);
        head.sent += payload.byteLength;
        this.#queuedBytes -= payload.byteLength;
        const last = head.sent >= head.bytes.byteLength;
        if (last) this.#queue.shift();
        const { epoch, offset } = head;
        return this.#sent(encodeFrame({ kind: "snapshot", flags: last ? FLAG.last : 0, epoch, channel: this.id, offset, payload }));
      }
      case "output": {
        const { epoch, offset, replay } = head;
        const bytes = takeFrame(head);
        const length = bytes.byteLength - HEADER_BYTES;
        writeHeader(bytes, { kind: "output", flags: replay ? FLAG.replay : 0, epoch, channel: this.id, offset });
        head.offset += length;
        this.#queuedBytes -= length;
        if (head.length === 0) this.#queue.shift();
        if (!replay) {
          this.#pace = afterSend(this.#pace, nowMs, length);
          this.#credit = spend(this.#credit, offset + length);
        }
        return this.#sent(bytes);
      }
    }
  }

  #sent(bytes: Uint8Array): Outgoing {
    this.counters.frames += 1;
    this.counters.bytes += bytes.byteLength - HEADER_BYTES;
    return { type: "binary", bytes };
  }

  /** @param beyond what bytes past the cursor are: taken (the relay's own cursor asks for the hole), or left over from before. */
  #takeLive(epoch: number, offset: number, chunk: Chunk, beyond: "take" | "void"): number {
    const length = chunk.bytes.byteLength;
    const step = advance(this.#cursor, { epoch, offset, length });
    switch (step.type) {
      case "take":
        this.#cursor = step.next;
        this.#append(epoch, offset + step.skip, false, behind(chunk, step.skip));
        break;
      case "gap":
        if (beyond === "void") break;
        this.#cursor = { epoch, offset: offset + length };
        this.#append(epoch, offset, false, chunk);
        break;
      case "duplicate":
      case "epoch":
        break;
    }
    return length;
  }

  #append(epoch: number, offset: number, replay: boolean, chunk: Chunk): void {
    const length = chunk.bytes.byteLength;
    if (this.#queuedBytes + length > MAX_QUEUED_BYTES) return this.#drop(epoch, offset, length);
    const tail = this.#queue.at(-1);
    if (tail?.type === "output" && tail.replay === replay && tail.epoch === epoch && tail.offset + tail.length === offset) {
      tail.chunks.push(chunk);
      tail.length += length;
      this.#queuedBytes += length;
      return;
    }
    this.#push({ type: "output", epoch, offset, replay, chunks: [chunk], length });
  }

  #drop(epoch: number, from: number, length: number): void {
    this.#dropped = { epoch, from: this.#dropped?.epoch === epoch ? Math.min(this.#dropped.from, from) : from, to: from + length };
  }

  #flushDropped(): void {
    const dropped = this.#dropped;
    if (dropped === undefined || this.#queuedBytes > MAX_QUEUED_BYTES / 2) return;
    this.#dropped = undefined;
    this.#push({ type: "text", text: hostText({ t: "gap", channel: this.id, ...dropped }) });
  }

  #push(item: Item): void {
    this.#queue.push(item);
    this.#queuedBytes += sizeOf(item);
  }

  #recount(): void {
    this.#queuedBytes = this.#queue.reduce((sum, item) => sum + sizeOf(item), 0);
  }
}

const sizeOf = (item: Item): number => {
  switch (item.type) {
    case "text":
      return item.text.length;
    case "snapshot":
      return item.bytes.byteLength - item.sent;
    case "output":
      return item.length;
  }
};

/** The first `skip` bytes are not needed any more: they are room. */
const behind = ({ bytes, room }: Chunk, skip: number): Chunk => ({ bytes: bytes.subarray(skip), room: room + skip });

/**
 * Takes a frame's worth of bytes from the front of a run, behind room for their header. What makes a frame by itself and
 * has that room is not copied; the rest is, once.
 */
function takeFrame(run: { chunks: Chunk[]; length: number }): Uint8Array {
  const [first, second] = run.chunks;
  if (first !== undefined && first.room >= HEADER_BYTES && isFrame(first.bytes.byteLength, second?.bytes.byteLength)) {
    const { buffer, byteOffset, byteLength } = first.bytes;
    run.chunks.shift();
    run.length -= byteLength;
    return new Uint8Array(buffer, byteOffset - HEADER_BYTES, HEADER_BYTES + byteLength);
  }
  // Not zeroed, for all of it is written; the room by the caller.
  const out = Buffer.allocUnsafe(HEADER_BYTES + Math.min(MAX_TARGET_BYTES, run.length));
  let at = HEADER_BYTES;
  let used = 0;
  while (at < out.byteLength) {
    const chunk = run.chunks[used];
    if (chunk === undefined) break;
    const length = Math.min(chunk.bytes.byteLength, out.byteLength - at);
    out.set(chunk.bytes.subarray(0, length), at);
    at += length;
    if (length === chunk.bytes.byteLength) used += 1;
    else run.chunks[used] = behind(chunk, length);
  }
  run.chunks.splice(0, used);
  run.length -= at - HEADER_BYTES;
  return out.subarray(0, at);
}

const isFrame = (length: number, next: number | undefined): boolean =>
  length <= MAX_TARGET_BYTES && (next === undefined || length + next > MAX_TARGET_BYTES);
