import { expect, test } from "vitest";
import { judge, type Gate, type Part } from "../bench/gate.ts";
import { median, percentile } from "../bench/statistics.ts";

const gate: Gate = { id: "P0", title: "a gate", run: () => Promise.reject(new Error("not run here")) };
const part = (values: number[], references: number[], limit: Part["limit"]): Part => ({
  name: "p50",
  unit: "ms",
  values,
  references,
  limit,
});

test("a gate is the ratio of medians over its rounds", () => {
  const result = judge(gate, { parts: [part([1, 2, 3, 2, 90], [2, 2, 2, 2, 2], { atMost: 1.5 })] });
  expect(result).toMatchObject({ value: 2, reference: 2, ratio: 1, gate: "<= 1.5", pass: true });
  expect(result.rounds).toHaveLength(5);
  expect(result.rounds[4]).toEqual({ p50: 90, "p50 reference": 2 });
});

test("too few rounds never pass, and say so", () => {
  const result = judge(gate, { parts: [part([1, 1, 1, 1], [1, 1, 1, 1], { atMost: 1.5 })] });
  expect(result.pass).toBe(false);
  expect(result.note).toContain("only 4 rounds");
});

test("one part that misses is enough to miss", () => {
  const good = part([1, 1, 1, 1, 1], [1], { atMost: 1 });
  const bad = part([1, 1, 1, 1, 1], [2], { atLeast: 0.9 });
  expect(judge(gate, { parts: [good, bad] })).toMatchObject({ pass: false, ratio: 1 });
});

test("a part that measured nothing does not pass", () => {
  expect(judge(gate, { parts: [part([Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN], [1], { atMost: 1 })] }).pass).toBe(false);
});

test("medians and percentiles of small samples", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95)).toBe(10);
});
