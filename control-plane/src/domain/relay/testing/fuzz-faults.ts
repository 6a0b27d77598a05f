/** Faults that are planted into what the channel sends or is told, one at a time; the fuzz has to notice each. */
import type { RelayFrame } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";

export type Fault = "corruptOffset" | "ignoreCredit" | "dropFrame" | "twice" | "muteAhead" | "shiftScreen";

const FRAMES_BEFORE = 40;
/** Of an offset in a frame's header: its lower half. */
const OFFSET_AT = 12;

export class Faults {
  readonly #fault: Fault | undefined;
  #framesLeft = FRAMES_BEFORE;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  /** A screen is announced for a place behind the one it shows. */
  toViewer(frame: ToViewerFrame): ToViewerFrame {
    return this.#fault === "shiftScreen" && frame.t === "snapshot" ? { ...frame, offset: frame.offset + 1 } : structuredClone(frame);
  }

  /** One frame of many; undefined when it is lost. */
  bytes(frame: ArrayBuffer): Uint8Array | undefined {
    const copy = new Uint8Array(frame.slice(0));
    if (this.#framesLeft-- !== 0) return copy;
    if (this.#fault === "dropFrame") return undefined;
    const header = new DataView(copy.buffer);
    const offset = header.getUint32(OFFSET_AT);
    if (this.#fault === "twice") header.setUint32(OFFSET_AT, Math.max(0, offset - 1));
    if (this.#fault === "corruptOffset") header.setUint32(OFFSET_AT, offset + 1);
    return copy;
  }

  /** What the host is told while live output passes, on behalf of viewers that are ahead of it, is lost. */
  loses(frame: RelayFrame, outputPasses: boolean): boolean {
    return this.#fault === "muteAhead" && outputPasses && frame.t === "ack";
  }

  acked(offset: number, shown: number): number {
    return this.#fault === "ignoreCredit" ? shown + 10_000_000 : offset;
  }
}
