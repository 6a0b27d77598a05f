/** A strict viewer: it holds every byte, hole, gap and screen it gets against what the program wrote. */
import { VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { decodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import type { SavedStream } from "../saved-stream.ts";
import { byteAt, Violation } from "./fuzz-program.ts";

export class FuzzViewer {
  readonly id: string;
  /** What of its place the relay would find again after a wake. */
  saved: SavedStream | undefined;
  number: number | undefined;
  /** Frames on their way to it. */
  readonly inbox: (ToViewerFrame | Uint8Array)[] = [];
  cursor: Cursor | undefined;
  acked = 0;
  taken = 0;
  gaps = 0;
  /** It showed something it has not confirmed. Without, it has no reason to say anything, and says nothing. */
  #owes = false;
  #snapshotLeft = 0;
  #snapshotAt: Cursor | undefined;
  #gapTo: number | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** What it has, unless a screen is half there. */
  get shown(): Cursor | undefined {
    return this.#snapshotAt === undefined ? this.cursor : undefined;
  }

  /** The next of its inbox. True: it is asked where it stands, and answers at once. */
  receive(): boolean {
    const next = this.inbox.shift();
    if (next === undefined) return false;
    if (!(next instanceof Uint8Array)) return this.#control(next);
    const decoded = decodeFrame(next);
    if (!decoded.ok || decoded.value === undefined) throw new Violation("undecodable at viewer");
    if (decoded.value.kind === "snapshot") this.#screenPart(decoded.value);
    else this.#output(decoded.value);
    return false;
  }

  /** The offset to acknowledge when this share of what it showed is done with; undefined when there is nothing to say. */
  confirm(share: number): Cursor | undefined {
    const { shown } = this;
    if (shown === undefined || !this.#owes) return undefined;
    this.acked += Math.floor((shown.offset - this.acked) * share);
    this.#owes = this.acked < shown.offset;
    return { epoch: shown.epoch, offset: this.acked };
  }

  #control(frame: ToViewerFrame): boolean {
    if (frame.t === "snapshot") {
      if (this.#gapTo !== undefined && this.#gapTo !== frame.offset)
        this.#violated(`gap told to ${this.#gapTo}, screen at ${frame.offset}`);
      this.#gapTo = undefined;
      this.#snapshotAt = { epoch: frame.epoch, offset: frame.offset };
      this.#snapshotLeft = frame.bytes;
      if (frame.bytes === 0) this.#screenShown(this.#snapshotAt);
    } else if (frame.t === "gap") {
      this.gaps += 1;
      if (this.cursor !== undefined && frame.from > this.cursor.offset && frame.epoch === this.cursor.epoch)
        this.#violated(`gap from ${frame.from}, had ${this.cursor.offset}`);
      this.#gapTo = frame.to;
    } else if (frame.t === "resumed") {
      this.cursor = { epoch: frame.epoch, offset: frame.offset };
      this.acked = frame.offset;
      this.#owes = false;
    }
    return frame.t === "sync";
  }

  #screenPart({ payload }: Frame): void {
    this.#snapshotLeft -= payload.byteLength;
    if (this.#snapshotLeft === 0 && this.#snapshotAt !== undefined) this.#screenShown(this.#snapshotAt);
    if (this.#snapshotLeft < 0) this.#violated("more snapshot than announced");
  }

  #screenShown(at: Cursor): void {
    this.cursor = at;
    this.acked = at.offset;
    this.#owes = true;
    this.#snapshotAt = undefined;
  }

  #output({ epoch, offset, payload }: Frame): void {
    // Old output in flight before a screen is allowed; it is not shown.
    if (this.shown === undefined) return;
    const step = advance(this.shown, { epoch, offset, length: payload.byteLength });
    if (step.type === "gap") this.#violated(`hole ${step.from}..${step.to}`);
    if (step.type !== "take") return;
    for (let i = step.skip; i < payload.byteLength; i++)
      if (payload[i] !== byteAt(epoch, offset + i)) this.#violated(`byte ${offset + i} differs`);
    this.taken += payload.byteLength - step.skip;
    this.cursor = step.next;
    this.#owes = true;
    const unconfirmed = this.cursor.offset - this.acked;
    if (unconfirmed > VIEWER_CREDIT_BYTES) this.#violated(`${unconfirmed} unacknowledged`);
  }

  #violated(what: string): never {
    throw new Violation(`${this.id}: ${what}`);
  }
}
