import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Blobs } from "./blobs.ts";

const frame = (channel: number, offset: number, payload: Uint8Array) => ({
  kind: "blob" as const,
  flags: 0,
  epoch: 0,
  channel,
  offset,
  payload,
});
const nameOf = (channel: number, bytes: Uint8Array) => ({
  channel,
  bytes: bytes.byteLength,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});
const BYTES = Buffer.from("0123456789");

function added(...frames: Parameters<Blobs["add"]>[0][]): Blobs {
  const blobs = new Blobs();
  for (const one of frames) blobs.add(one);
  return blobs;
}

test("[VR3] the frames of a channel are one blob, taken once", () => {
  const blobs = added(frame(1, 0, BYTES.subarray(0, 4)), frame(2, 0, Buffer.from("x")), frame(1, 4, BYTES.subarray(4)));
  expect(blobs.take(nameOf(1, BYTES))).toEqual({ ok: true, value: BYTES });
  expect(blobs.take(nameOf(1, BYTES))).toMatchObject({ ok: false, error: { code: "frame_invalid" } });
  expect(blobs.take(nameOf(2, Buffer.from("x")))).toMatchObject({ ok: true });
});

test("[VR3] a channel that begins anew is another blob", () => {
  const blobs = added(frame(1, 0, Buffer.from("old")), frame(1, 0, BYTES));
  expect(blobs.take(nameOf(1, BYTES))).toMatchObject({ ok: true });
});

test.each([
  ["a gap", [frame(1, 0, BYTES.subarray(0, 4)), frame(1, 5, BYTES.subarray(5))]],
  ["a missing end", [frame(1, 0, BYTES.subarray(0, 9))]],
  ["other bytes", [frame(1, 0, Buffer.from("0123456780"))]],
  ["nothing", []],
])("[VR3] %s is no blob", (_, frames) => {
  expect(added(...frames).take(nameOf(1, BYTES))).toMatchObject({ ok: false, error: { code: "frame_invalid", field: "blob" } });
});

test("[VR4] what nobody asks for does not pile up: the oldest goes", () => {
  const mib = new Uint8Array(1024 * 1024);
  const blobs = new Blobs();
  for (let channel = 1; channel <= 12; channel++) blobs.add(frame(channel, 0, mib));
  expect(blobs.take(nameOf(1, mib))).toMatchObject({ ok: false });
  expect(blobs.take(nameOf(12, mib))).toMatchObject({ ok: true });
});

test("[VR4] empty and tiny parts do not pile up either", () => {
  const blobs = new Blobs();
  const empty = new Uint8Array(0);
  for (let channel = 1; channel <= 100_000; channel++) blobs.add(frame(channel, 0, empty));
  expect(blobs.size).toBeLessThan(10_000);
  for (let i = 0; i < 100_000; i++) blobs.add(frame(7, i, Buffer.from("x")));
  // Alone it was too much.
  expect(blobs.take(nameOf(7, Buffer.alloc(100_000, "x")))).toMatchObject({ ok: false });
  blobs.add(frame(8, 0, BYTES));
  expect(blobs.take(nameOf(8, BYTES))).toMatchObject({ ok: true });
});
