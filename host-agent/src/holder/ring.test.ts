import { describe, expect, test } from "vitest";
import { Ring } from "./ring.ts";
import { seededRandom } from "./testing/random.ts";

const byteAt = (offset: number): number => (offset * 31 + (offset >> 8)) & 255;
function bytesFrom(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = byteAt(offset + i);
  return bytes;
}

describe("[CH1] the ring answers for the bytes it has and for no others", () => {
  for (let round = 0; round < 20; round++) {
    const seed = 0x7109 + round;
    test(`seed ${seed}`, () => {
      const random = seededRandom(seed);
      const capacity = 1 + Math.floor(random() * 300_000);
      const start = Math.floor(random() * 2 ** 40);
      const ring = new Ring(capacity, start);
      for (let step = 0; step < 200; step++) {
        ring.append(bytesFrom(ring.end, Math.floor(random() ** 3 * 100_000)));
        const held = ring.end - ring.start;
        expect(held).toBeLessThanOrEqual(capacity + 65_536);
        expect(held).toBeGreaterThanOrEqual(Math.min(capacity, ring.end - start));
        expect(ring.heldBytes).toBeLessThanOrEqual(capacity + 2 * 65_536);
        const from = ring.start - 10 + Math.floor(random() * (held + 20));
        const view = ring.read(from, 1 + Math.floor(random() * 5_000));
        const inside = from >= ring.start && from < ring.end;
        expect(view.byteLength > 0).toBe(inside);
        expect(Buffer.from(view).equals(bytesFrom(from, view.byteLength))).toBe(true);
      }
    });
  }
});

test("[CH1] reading on from the end of each piece gives every byte once", () => {
  const ring = new Ring(1_000_000);
  for (let i = 0; i < 100; i++) ring.append(bytesFrom(ring.end, 7_919));
  const pieces: Uint8Array[] = [];
  for (let at = ring.start; at < ring.end;) {
    const piece = ring.read(at, 10_000);
    pieces.push(piece);
    at += piece.byteLength;
  }
  expect(Buffer.concat(pieces).equals(bytesFrom(0, ring.end))).toBe(true);
});

test("a view that was handed out stays as it was while the ring goes on", () => {
  const ring = new Ring(1_000);
  ring.append(bytesFrom(0, 900));
  const view = ring.read(0, 900);
  for (let i = 0; i < 50; i++) ring.append(bytesFrom(ring.end, 400));
  expect(Buffer.from(view).equals(bytesFrom(0, view.byteLength))).toBe(true);
});

test("a fresh ring costs little", () => {
  const ring = new Ring();
  ring.append(bytesFrom(0, 100));
  expect(ring.heldBytes).toBeLessThanOrEqual(4_096);
});

test("what was let go is outside, and offsets go on", () => {
  const ring = new Ring(1_000);
  ring.append(bytesFrom(0, 500));
  ring.clear();
  expect([ring.start, ring.end, ring.read(0, 10).byteLength]).toEqual([500, 500, 0]);
  ring.append(bytesFrom(500, 5));
  expect(Buffer.from(ring.read(500, 10)).equals(bytesFrom(500, 5))).toBe(true);
});
