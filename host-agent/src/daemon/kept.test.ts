import { expect, test } from "vitest";
import { kept } from "./kept.ts";

test("what is kept is found out once, and anew when it is old", () => {
  let nowMs = 0;
  let found = 0;
  const value = kept(() => ++found, 5_000, { monotonicMs: () => nowMs });
  expect([value(), value()]).toEqual([1, 1]);
  nowMs = 4_999;
  expect(value()).toBe(1);
  nowMs = 5_000;
  expect([value(), value()]).toEqual([2, 2]);
});
