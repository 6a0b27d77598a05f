import { describe, expect, test } from "vitest";
import { fuzzFrameCodec, type FrameCodec } from "../../../test/contract/frame-fuzz.ts";
import { chooseSeed, seededRandom } from "../../../test/support/random.ts";
import { MAX_FRAME_BYTES } from "../limits.ts";
import { decodeFrame, encodeFrame, FLAG, HEADER_BYTES, KIND, MAX_PAYLOAD_BYTES, type Frame } from "./frame.ts";

const frame: Frame = {
  kind: "output",
  flags: FLAG.replay,
  epoch: 0x0102,
  channel: 0x03040506,
  offset: 0x0007_0809_0a0b_0c0d,
  payload: Uint8Array.of(1, 2, 3),
};
const refusal = (bytes: Uint8Array): string => {
  const decoded = decodeFrame(bytes);
  return decoded.ok ? "taken" : decoded.error.code;
};

test("[VR4] a binary frame is sixteen big-endian header bytes, then its payload", () => {
  expect([...encodeFrame(frame)]).toEqual([1, 2, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12, 13, 1, 2, 3]);
});

test("[VR4] every kind has its number for ever", () => {
  expect(KIND).toEqual({ output: 1, input: 2, log: 3, blob: 4, snapshot: 5 });
  expect(FLAG).toEqual({ last: 1, replay: 2 });
});

test("[VR4] a frame with less than a whole header is refused", () => {
  for (let size = 0; size < HEADER_BYTES; size++) expect(refusal(encodeFrame(frame).subarray(0, size))).toBe("frame_invalid");
  expect(refusal(encodeFrame({ ...frame, payload: new Uint8Array() }))).toBe("taken");
});

test("[VR4] a frame of the largest size is taken and one byte more is refused", () => {
  expect(refusal(encodeFrame({ ...frame, payload: new Uint8Array(MAX_PAYLOAD_BYTES) }))).toBe("taken");
  expect(refusal(encodeFrame({ ...frame, payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) }))).toBe("frame_too_large");
  expect(MAX_PAYLOAD_BYTES + HEADER_BYTES).toBe(MAX_FRAME_BYTES);
});

test("[VR4] an offset past 2^53 - 1 is refused and names its field", () => {
  const bytes = encodeFrame({ ...frame, offset: Number.MAX_SAFE_INTEGER });
  expect(refusal(bytes)).toBe("taken");
  new DataView(bytes.buffer).setUint8(9, 0x20);
  const decoded = decodeFrame(bytes);
  expect(decoded).toMatchObject({ ok: false, error: { code: "offset_invalid", field: "offset" } });
});

test("[VR2] a frame of an unknown kind is ignored, not refused", () => {
  const bytes = encodeFrame(frame);
  for (const kind of [0, 6, 99, 255]) {
    bytes[0] = kind;
    expect(decodeFrame(bytes)).toEqual({ ok: true, value: undefined });
  }
});

test("[VR4] bits of flags without a name are carried through untouched", () => {
  const decoded = decodeFrame(encodeFrame({ ...frame, flags: 0b1111_0100 }));
  expect(decoded).toMatchObject({ ok: true, value: { flags: 0b1111_0100 } });
});

test("[VR3] a payload that reads like control is data", () => {
  const payload = new TextEncoder().encode('{"t":"take","id":1}');
  expect(decodeFrame(encodeFrame({ ...frame, payload }))).toMatchObject({ ok: true, value: { kind: "output", payload } });
});

test("[VR4] a decoded payload is a view, not a copy", () => {
  const bytes = encodeFrame(frame);
  const decoded = decodeFrame(bytes);
  expect(decoded.ok && decoded.value?.payload.buffer === bytes.buffer).toBe(true);
});

describe("fuzz", () => {
  const seed = chooseSeed();
  const run = (codec: FrameCodec) => () => fuzzFrameCodec(codec, seededRandom(seed), 3_000);

  test(`[VR4] any frame comes back as it was (seed ${seed})`, () => {
    expect(run({ encodeFrame, decodeFrame })).not.toThrow();
  });

  const mutate = (change: (bytes: Uint8Array) => void): FrameCodec => ({
    decodeFrame,
    encodeFrame: (value) => {
      const bytes = encodeFrame(value);
      change(bytes);
      return bytes;
    },
  });
  const swap = (bytes: Uint8Array, a: number, b: number): void => {
    const kept = bytes[a] ?? 0;
    bytes[a] = bytes[b] ?? 0;
    bytes[b] = kept;
  };
  const faults: [string, FrameCodec][] = [
    ["a little-endian epoch", mutate((bytes) => swap(bytes, 2, 3))],
    ["swapped halves of the channel", mutate((bytes) => [swap(bytes, 4, 6), swap(bytes, 5, 7)])],
    ["an offset cut to 32 bits", mutate((bytes) => bytes.fill(0, 8, 12))],
    ["reserved flags cleared", mutate((bytes) => bytes.set([(bytes[1] ?? 0) & 3], 1))],
    [
      "the last payload byte lost",
      { encodeFrame, decodeFrame: (bytes) => decodeFrame(bytes.subarray(0, Math.max(HEADER_BYTES, bytes.byteLength - 1))) },
    ],
    [
      "a read from the start of the underlying buffer",
      { encodeFrame, decodeFrame: (bytes) => decodeFrame(new Uint8Array(bytes.buffer, 0, bytes.byteLength)) },
    ],
    [
      "a short header taken",
      { encodeFrame, decodeFrame: (bytes) => (bytes.byteLength < HEADER_BYTES ? { ok: true, value: undefined } : decodeFrame(bytes)) },
    ],
  ];
  test.each(faults)("[VR4] a codec with %s does not pass the fuzz", (_, codec) => {
    expect(run(codec)).toThrow(`seed ${seed}`);
  });
});
