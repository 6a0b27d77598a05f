/** The stream of one viewer: what came, how far it came, and what of it is acknowledged; over all its connections. */
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { VIEWER_ACK_BYTES, VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import { Capture } from "./capture.ts";
import type { ViewerScreen } from "./viewer-screen.ts";

export class ViewerStream {
  cursor: Cursor | undefined;
  outputBytes = 0;
  outputFrames = 0;
  snapshotBytes = 0;
  /** Bytes of all kinds. */
  received = 0;
  bytesBeforeScreen: number | undefined;
  readonly #screen: ViewerScreen;
  readonly #ack: (cursor: Cursor) => boolean;
  readonly #captures = new Set<Capture>();
  readonly #listeners = new Set<(payload: Uint8Array) => void>();
  #acked = -1;
  #ackTimer: NodeJS.Timeout | undefined;
  #stalled = false;
  #snapshotLeft = 0;
  #gapTold = false;

  /** @param ack tells the relay; false when there is no open socket. */
  constructor(screen: ViewerScreen, ack: (cursor: Cursor) => boolean) {
    this.#screen = screen;
    this.#ack = ack;
  }

  /** A whole screen or an unbroken stream is there. */
  get whole(): Cursor | undefined {
    return this.#snapshotLeft === 0 ? this.cursor : undefined;
  }

  capture(limit: number): Capture {
    if (this.cursor === undefined) throw new Error("a viewer captures from its first screen on: attach first");
    const capture = new Capture(this.cursor, limit);
    this.#captures.add(capture);
    return capture;
  }

  onOutput(listener: (payload: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  control(frame: ToViewerFrame): void {
    switch (frame.t) {
      case "snapshot":
        for (const capture of this.#captures) capture.jump({ epoch: frame.epoch, offset: frame.offset }, this.#gapTold);
        this.#gapTold = false;
        this.cursor = { epoch: frame.epoch, offset: frame.offset };
        this.#snapshotLeft = frame.bytes;
        this.#screen.begin(frame.cols, frame.rows);
        if (frame.bytes === 0) this.#screenComplete();
        break;
      case "resumed":
        this.cursor = { epoch: frame.epoch, offset: frame.offset };
        break;
      case "gap":
        this.#gapTold = true;
        break;
      case "sync":
        this.acknowledge();
        break;
      case "size":
        this.#screen.resize(frame.cols, frame.rows);
        break;
      case "welcome":
      case "pen":
      case "host":
      case "session":
      case "taken":
      case "error":
    }
  }

  snapshot({ payload, flags }: Frame): void {
    this.snapshotBytes += payload.byteLength;
    this.#snapshotLeft = (flags & FLAG.last) !== 0 ? 0 : Math.max(0, this.#snapshotLeft - payload.byteLength);
    this.#screen.write(payload);
    if (this.#snapshotLeft === 0) this.#screenComplete();
  }

  output({ epoch, offset, payload }: Frame): void {
    this.outputFrames++;
    this.outputBytes += payload.byteLength;
    for (const capture of this.#captures) capture.output(epoch, offset, payload);
    const end = offset + payload.byteLength;
    const fresh =
      this.cursor === undefined || this.cursor.epoch !== epoch
        ? payload
        : payload.subarray(Math.max(0, Math.min(payload.byteLength, this.cursor.offset - offset)));
    if (fresh.byteLength === 0) return;
    this.cursor = { epoch, offset: end };
    this.#screen.write(fresh);
    for (const listener of this.#listeners) listener(fresh);
    if (end - this.#acked >= VIEWER_ACK_BYTES) this.acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.acknowledge(), VIEWER_IDLE_ACK_MS);
  }

  acknowledge(): void {
    this.rest();
    if (!this.#stalled && this.cursor !== undefined && this.#ack(this.cursor)) this.#acked = this.cursor.offset;
  }

  stall(): void {
    this.#stalled = true;
  }

  unstall(): void {
    this.#stalled = false;
    this.acknowledge();
  }

  /** Nothing is acknowledged by time any more: the socket went. */
  rest(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }

  #screenComplete(): void {
    this.bytesBeforeScreen ??= this.received;
    this.acknowledge();
  }
}
