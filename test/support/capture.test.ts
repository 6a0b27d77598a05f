import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Capture } from "./capture.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
const from = (offset: number, limit = Infinity): Capture => new Capture({ epoch: 1, offset }, limit);

test("[CH1] bytes that come again are dropped, overlapping ones are taken from where they are new", () => {
  const capture = from(10);
  capture.output(1, 10, bytes("abcd"));
  capture.output(1, 8, bytes("__abcdef"));
  capture.output(1, 12, bytes("cd"));
  expect(capture.sha256).toBe(sha("abcdef"));
  expect(capture.duplicates).toBe(8);
  expect(capture.missing).toEqual([]);
});

test("[CH5] bytes that never came are missing, and were not told unless a gap said so", () => {
  const capture = from(0);
  capture.output(1, 0, bytes("ab"));
  capture.output(1, 5, bytes("fg"));
  capture.jump({ epoch: 1, offset: 9 }, true);
  expect(capture.missing).toEqual([
    { epoch: 1, from: 2, to: 5, told: false },
    { epoch: 1, from: 7, to: 9, told: true },
  ]);
});

test("a screen of the past does not move what was captured back", () => {
  const capture = from(0);
  capture.output(1, 0, bytes("abcdef"));
  capture.jump({ epoch: 1, offset: 3 }, false);
  capture.output(1, 3, bytes("defg"));
  expect(capture.sha256).toBe(sha("abcdefg"));
  expect(capture.missing).toEqual([]);
});

test("what is accounted for is known as soon as it came", async () => {
  const capture = from(0);
  const accounted = capture.accounts(3, 1_000);
  capture.output(1, 0, bytes("abc"));
  await accounted;
});

test("hashing ends after exactly the limit", async () => {
  const capture = from(0, 4);
  capture.output(1, 0, bytes("abc"));
  capture.output(1, 3, bytes("def"));
  await capture.reaches();
  expect(capture.sha256).toBe(sha("abcd"));
});

test("what comes after the limit is not hashed in the place of what was lost before it", () => {
  const capture = from(10, 6);
  capture.output(1, 10, bytes("ab"));
  capture.jump({ epoch: 1, offset: 14 }, true);
  capture.output(1, 14, bytes("efgh"));
  expect(capture.sha256).toBe(sha("abef"));
  expect(capture.bytes).toBe(4);
});
