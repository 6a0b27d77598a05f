import { expect, test } from "vitest";
import { leastStolen, mostlyOurs, parseStat, stolenShare } from "../bench/stolen.ts";

test("stolen time is the eighth figure of all processors", () => {
  const stat = "cpu  10 1 5 100 2 0 1 40 7 0\ncpu0 5 1 3 50 1 0 1 20 7 0\n";
  expect(parseStat(stat)).toEqual({ total: 159, stolen: 40 });
  expect(parseStat("")).toEqual({ total: 0, stolen: 0 });
  expect(stolenShare({ total: 100, stolen: 0 }, { total: 300, stolen: 4 })).toBe(0.02);
  expect(stolenShare({ total: 100, stolen: 0 }, { total: 100, stolen: 0 })).toBe(0);
  expect([0, 0.01, 0.011].map(mostlyOurs)).toEqual([true, true, false]);
});

test("the rounds that were disturbed least count, whatever their figures say, and all contenders' alike", () => {
  const kept = leastStolen([0.2, 0, 0.03, 0.001, 0.3], 3);
  expect(kept.of([1, 2, 3, 4, 5])).toEqual([2, 3, 4]);
  expect(kept.of([50, 40, 30, 20, 10])).toEqual([40, 30, 20]);
  expect(kept.note).toContain("of 5 rounds the 3 least disturbed");
  expect(kept.note).toContain("at most 3.0 %");
});
