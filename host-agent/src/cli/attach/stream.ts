/** [CH1] [CH4] [VW4] What a viewer does with what arrives: assemble screens, follow the cursor, know when to acknowledge. Pure. */
import { VIEWER_ACK_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import type { Size } from "@maestro/shared/protocol/session";

export type Taken =
  | { type: "nothing" }
  | { type: "screen"; bytes: Uint8Array; cursor: Cursor; size: Size }
  | { type: "output"; bytes: Uint8Array; cursor: Cursor }
  /** The far end left the rule: start over without an offset. */
  | { type: "lost" };

interface Assembling {
  cursor: Cursor;
  size: Size;
  bytes: Uint8Array;
  filled: number;
}

export class ViewerStream {
  #cursor: Cursor | undefined;
  #assembling: Assembling | undefined;
  #acked = 0;

  /** Where to go on after a redial. */
  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  beginScreen({ epoch, offset, bytes, cols, rows }: Cursor & Size & { bytes: number }): Taken {
    this.#assembling = { cursor: { epoch, offset }, size: { cols, rows }, bytes: new Uint8Array(bytes), filled: 0 };
    return this.#finished();
  }

  screenPart(payload: Uint8Array): Taken {
    const screen = this.#assembling;
    if (screen === undefined) return { type: "nothing" };
    const room = screen.bytes.byteLength - screen.filled;
    screen.bytes.set(payload.subarray(0, room), screen.filled);
    screen.filled += Math.min(room, payload.byteLength);
    return this.#finished();
  }

  output(epoch: number, offset: number, payload: Uint8Array): Taken {
    if (this.#cursor === undefined) return { type: "nothing" };
    const step = advance(this.#cursor, { epoch, offset, length: payload.byteLength });
    switch (step.type) {
      case "duplicate":
        return { type: "nothing" };
      case "take":
        this.#cursor = step.next;
        return { type: "output", bytes: payload.subarray(step.skip), cursor: step.next };
      case "gap":
      case "epoch":
        this.forget();
        return { type: "lost" };
    }
  }

  resumed(cursor: Cursor): void {
    this.#cursor = cursor;
    this.#assembling = undefined;
  }

  /** A broken-off screen or a lost place: the next hello asks for a fresh one. */
  forget(): void {
    this.#cursor = undefined;
    this.#assembling = undefined;
  }

  /** The connection ended: half a screen is none. */
  disconnected(): void {
    if (this.#assembling !== undefined) this.forget();
  }

  /** True when what is shown by now has to be acknowledged at once; otherwise it may wait for a pause. */
  mustAcknowledge(offset: number): boolean {
    return offset - this.#acked >= VIEWER_ACK_BYTES;
  }

  acknowledged(offset: number): void {
    this.#acked = offset;
  }

  #finished(): Taken {
    const screen = this.#assembling;
    if (screen === undefined || screen.filled < screen.bytes.byteLength) return { type: "nothing" };
    this.#assembling = undefined;
    this.#cursor = screen.cursor;
    this.#acked = screen.cursor.offset;
    return { type: "screen", bytes: screen.bytes, cursor: screen.cursor, size: screen.size };
  }
}
