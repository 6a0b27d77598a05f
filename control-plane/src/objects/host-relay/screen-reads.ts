/** [VR3] Screens asked for over HTTP: collected from `blob` frames until the host's reply says they are whole. */
import { maestroError } from "@maestro/shared/errors";
import { SNAPSHOT_MAX_BYTES } from "@maestro/shared/limits";
import type { Frame } from "@maestro/shared/protocol/frame";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Memory } from "../../domain/relay/memory.ts";

interface Read {
  chunks: Uint8Array[];
  bytes: number;
}

export class ScreenReads {
  readonly #memory: Memory;
  readonly #reads = new Map<number, Read>();

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  begin(channel: number): void {
    this.#reads.set(channel, { chunks: [], bytes: 0 });
  }

  /** What belongs to no read, or is more than a screen may be, is dropped; the length then tells. */
  add(frame: Frame): void {
    const read = this.#reads.get(frame.channel);
    const size = frame.payload.byteLength;
    if (read === undefined || frame.offset !== read.bytes || read.bytes + size > SNAPSHOT_MAX_BYTES || size > this.#memory.room) return;
    read.chunks.push(frame.payload);
    read.bytes += size;
    this.#memory.move(0, size);
  }

  /** @param bytes how long it has to be; undefined: the request failed. */
  end(channel: number, bytes: number | undefined): Result<Uint8Array> {
    const read = this.#reads.get(channel);
    this.#reads.delete(channel);
    this.#memory.move(read?.bytes ?? 0, 0);
    if (read === undefined || read.bytes !== bytes)
      return err(maestroError("frame_invalid", "What was asked for did not arrive whole.", { hint: "Try again." }));
    const whole = new Uint8Array(read.bytes);
    let at = 0;
    for (const chunk of read.chunks) {
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
    return ok(whole);
  }
}
