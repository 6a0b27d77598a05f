/** [VR3] What outgrows a control frame comes before it, as blob frames on a channel that it names. */
import { createHash } from "node:crypto";
import { maestroError } from "@maestro/shared/errors";
import type { Frame } from "@maestro/shared/protocol/frame";
import { err, ok, type Result } from "@maestro/shared/result";

/** Of all that was not asked for yet; the largest spec is far below it. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** What a part takes in memory beside its bytes: empty ones count too. */
const PART_BYTES = 1024;

export interface BlobName {
  channel: number;
  bytes: number;
  sha256: string;
}

export class Blobs {
  readonly #waiting = new Map<number, { parts: Uint8Array[]; bytes: number; cost: number }>();
  #bytes = 0;

  add({ channel, offset, payload }: Frame): void {
    // A channel that begins anew is another blob.
    if (offset === 0) this.#drop(channel);
    const blob = this.#waiting.get(channel) ?? { parts: [], bytes: 0, cost: 0 };
    if (offset !== blob.bytes) return this.#drop(channel);
    // A copy: the frame's memory is the socket's.
    blob.parts.push(payload.slice());
    blob.bytes += payload.byteLength;
    blob.cost += payload.byteLength + PART_BYTES;
    this.#bytes += payload.byteLength + PART_BYTES;
    this.#waiting.delete(channel);
    this.#waiting.set(channel, blob);
    // Those that nobody asked for go first.
    for (const oldest of this.#waiting.keys()) {
      if (this.#bytes <= MAX_WAITING_BYTES) return;
      this.#drop(oldest);
    }
  }

  /** How many blobs are waiting. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Once: it is forgotten with it. */
  take({ channel, bytes, sha256 }: BlobName): Result<Buffer> {
    const blob = this.#waiting.get(channel);
    this.#drop(channel);
    const whole = Buffer.concat(blob?.parts ?? []);
    if (whole.byteLength === bytes && createHash("sha256").update(whole).digest("hex") === sha256) return ok(whole);
    return err(maestroError("frame_invalid", `The blob on channel ${channel} is not the one that was announced.`, { field: "blob" }));
  }

  #drop(channel: number): void {
    this.#bytes -= this.#waiting.get(channel)?.cost ?? 0;
    this.#waiting.delete(channel);
  }
}
