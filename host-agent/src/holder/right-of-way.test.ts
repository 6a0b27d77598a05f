import { expect, it } from "vitest";
import { RightOfWay } from "./right-of-way.ts";

const MiB = 1024 * 1024;

it("[CH5] floods run freely while nobody types", () => {
  const way = new RightOfWay();
  expect(way.yieldUntilMs("flood", MiB, 5)).toBe(5);
});

it("[CH5] keys to a session do not slow its own flood", () => {
  const way = new RightOfWay();
  way.typed("flood", 1);
  expect(way.yieldUntilMs("flood", MiB, 5)).toBe(5);
});

it("[CH5] keys to another session do, also when both are typed into in turn", () => {
  const way = new RightOfWay();
  way.typed("shell", 1);
  way.typed("flood", 2);
  expect(way.yieldUntilMs("flood", 64 * 1024, 10)).toBe(18);
});

it("[CH5] several floods share one rate", () => {
  const way = new RightOfWay();
  way.typed("shell", 0);
  let untilMs = 0;
  for (let i = 0; i < 8; i++) untilMs = way.yieldUntilMs(`flood-${i % 4}`, 64 * 1024, 0);
  expect(untilMs).toBe(64);
});

it("[CH5] small output is no flood, and the right ends a second after the last key", () => {
  const way = new RightOfWay();
  way.typed("shell", 0);
  expect(way.yieldUntilMs("build", 4_095, 999)).toBe(999);
  expect(way.yieldUntilMs("build", 4_096, 999)).toBeGreaterThan(999);
  expect(way.yieldUntilMs("build", 4_096, 1_000)).toBe(1_000);
});

it("[CH5] nobody is held for longer than a second after the key that held it", () => {
  const way = new RightOfWay();
  way.typed("shell", 0);
  expect(way.yieldUntilMs("flood", 100 * MiB, 10)).toBe(1_000);
  expect(way.yieldUntilMs("build", 64 * 1024, 20)).toBe(1_000);
  way.typed("shell", 1_500);
  expect(way.yieldUntilMs("build", 64 * 1024, 1_500)).toBe(1_508);
});
