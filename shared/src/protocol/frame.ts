/**
 * [VR4] The binary frame: `u8 kind · u8 flags · u16 epoch · u32 channel · u64 offset · bytes`,
 * big-endian, 16 bytes of header. Data only: nothing in here is ever parsed as control [VR3].
 */
import { err, ok, type Result } from "../result.ts";
import { maestroError } from "../errors.ts";
import { MAX_FRAME_BYTES, MAX_OFFSET } from "../limits.ts";

export const HEADER_BYTES = 16;
export const MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - HEADER_BYTES;

export const KIND = { output: 1, input: 2, log: 3, blob: 4, snapshot: 5 } as const;
export type KindName = keyof typeof KIND;

/** Bits of `flags`; bits without a name are reserved and are carried through untouched. */
export const FLAG = {
  /** The last frame of a snapshot or blob. */
  last: 1,
  /** Output sent again from the ring; credit of the live stream is not spent on it. */
  replay: 2,
} as const;

export interface Frame {
  kind: KindName;
  flags: number;
  /** [CH1] Numbering restarts with a new epoch. 0–65535. */
  epoch: number;
  channel: number;
  /** Position of the first payload byte, < 2^53. */
  offset: number;
  payload: Uint8Array;
}

const NAMES: Record<number, KindName | undefined> = { 1: "output", 2: "input", 3: "log", 4: "blob", 5: "snapshot" };
const WORD = 0x1_0000_0000;

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + frame.payload.byteLength);
  writeHeader(bytes, frame);
  bytes.set(frame.payload, HEADER_BYTES);
  return bytes;
}

/** Into the first `HEADER_BYTES` of memory whose payload is there already. */
export function writeHeader(bytes: Uint8Array, { kind, flags, epoch, channel, offset }: Omit<Frame, "payload">): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  view.setUint8(0, KIND[kind]);
  view.setUint8(1, flags);
  view.setUint16(2, epoch);
  view.setUint32(4, channel);
  view.setUint32(8, Math.floor(offset / WORD));
  view.setUint32(12, offset % WORD);
}

/** The payload is a view into `bytes`, not a copy. An unknown kind is `undefined`: ignored and counted [VR2]. */
export function decodeFrame(bytes: Uint8Array): Result<Frame | undefined> {
  if (bytes.byteLength > MAX_FRAME_BYTES) {
    return err(maestroError("frame_too_large", `A frame of ${bytes.byteLength} bytes; at most ${MAX_FRAME_BYTES} are taken.`));
  }
  if (bytes.byteLength < HEADER_BYTES) {
    return err(maestroError("frame_invalid", `A binary frame of ${bytes.byteLength} bytes has no whole header of ${HEADER_BYTES}.`));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = NAMES[view.getUint8(0)];
  if (kind === undefined) return ok(undefined);
  const offset = view.getUint32(8) * WORD + view.getUint32(12);
  if (offset > MAX_OFFSET) {
    return err(maestroError("offset_invalid", `Offset ${offset} is beyond 2^53 - 1.`, { field: "offset" }));
  }
  return ok({
    kind,
    flags: view.getUint8(1),
    epoch: view.getUint16(2),
    channel: view.getUint32(4),
    offset,
    payload: bytes.subarray(HEADER_BYTES),
  });
}
