/** What every frame codec has to do, as a seeded fuzz over an implementation: a fault planted in a copy must not pass. */
import type { Frame } from "../../shared/src/protocol/frame.ts";
import type { Result } from "../../shared/src/result.ts";
import type { Random } from "../support/random.ts";

export interface FrameCodec {
  encodeFrame(frame: Frame): Uint8Array;
  decodeFrame(bytes: Uint8Array): Result<Frame | undefined>;
}

const KINDS = ["output", "input", "log", "blob", "snapshot"] as const;
const HEADER_BYTES = 16;

/** Throws at the first frame that does not survive; the message holds the seed and the frame. */
export function fuzzFrameCodec(codec: FrameCodec, random: Random, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const frame = randomFrame(random);
    const bytes = codec.encodeFrame(frame);
    const place = `seed ${random.seed}, round ${round}, ${frame.kind} at ${frame.offset} with ${frame.payload.byteLength} bytes`;
    if (bytes.byteLength !== HEADER_BYTES + frame.payload.byteLength) throw new Error(`wrong size: ${place}`);
    // Sockets hand over windows into larger buffers: the codec must not read around its own.
    const decoded = codec.decodeFrame(insideLargerBuffer(bytes, random));
    if (!decoded.ok || decoded.value === undefined) throw new Error(`refused its own frame: ${place}`);
    const difference = differs(frame, decoded.value);
    if (difference !== undefined) throw new Error(`${difference} changed: ${place}`);
    const cut = random.int(0, HEADER_BYTES - 1);
    if (codec.decodeFrame(bytes.subarray(0, cut)).ok) throw new Error(`took a header of ${cut} bytes: ${place}`);
    garbage(codec, random, place);
  }
}

/** Whatever bytes come, a decoder answers; it never throws, and what it takes it can give back. */
function garbage(codec: FrameCodec, random: Random, place: string): void {
  const bytes = Uint8Array.from({ length: random.int(0, 64) }, () => random.int(0, 255));
  const decoded = codec.decodeFrame(bytes);
  if (!decoded.ok || decoded.value === undefined) return;
  if (!same(codec.encodeFrame(decoded.value), bytes)) throw new Error(`took garbage and made other bytes of it: ${place}`);
}

function randomFrame(random: Random): Frame {
  return {
    kind: random.pick(KINDS),
    flags: random.int(0, 255),
    epoch: random.pick([0, 1, 255, 256, 65_535, random.int(0, 65_535)]),
    channel: random.pick([0, 1, 0x7fff_ffff, 0xffff_ffff, random.int(0, 0xffff_ffff)]),
    offset: random.pick([0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER, Math.floor(random.next() * Number.MAX_SAFE_INTEGER)]),
    payload: Uint8Array.from({ length: random.pick([0, 1, 17, random.int(0, 2048)]) }, () => random.int(0, 255)),
  };
}

function insideLargerBuffer(bytes: Uint8Array, random: Random): Uint8Array {
  const before = random.int(0, 9);
  const larger = new Uint8Array(before + bytes.byteLength + random.int(0, 9)).fill(0xa5);
  larger.set(bytes, before);
  return larger.subarray(before, before + bytes.byteLength);
}

function differs(a: Frame, b: Frame): string | undefined {
  if (a.kind !== b.kind) return "kind";
  if (a.flags !== b.flags) return "flags";
  if (a.epoch !== b.epoch) return "epoch";
  if (a.channel !== b.channel) return "channel";
  if (a.offset !== b.offset) return "offset";
  return same(a.payload, b.payload) ? undefined : "payload";
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
