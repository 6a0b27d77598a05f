import { expect, test } from "vitest";
import { WindowLimit } from "./window-limits.ts";

const setUp = (limit: number) => {
  let nowMs = 600_000;
  const window = new WindowLimit({ limit, periodSeconds: 60 }, () => nowMs);
  return { take: async (key: string) => (await window.limit({ key })).success, pass: (ms: number) => void (nowMs += ms) };
};

test("each key has its own allowance in each window", async () => {
  const { take, pass } = setUp(2);
  expect([await take("a"), await take("a"), await take("a"), await take("b")]).toEqual([true, true, false, true]);
  pass(59_999);
  expect(await take("a")).toBe(false);
  pass(1);
  expect([await take("a"), await take("a"), await take("a")]).toEqual([true, true, false]);
});

test("invented keys push out one another, and nobody who asks", async () => {
  const { take } = setUp(3);
  expect(await take("owner")).toBe(true);
  for (let n = 0; n < 49_999; n++) await take(`x${n}`);
  expect(await take("owner")).toBe(true);
  for (let n = 0; n < 49_999; n++) await take(`y${n}`);
  expect([await take("owner"), await take("owner")]).toEqual([true, false]);
});
