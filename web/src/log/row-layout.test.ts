import { describe, expect, it } from "vitest";
import { layOut, lineAt, rowCount, visible } from "./row-layout.ts";
import { textWidth } from "./text-width.ts";

const line = (width: number, missing = 0) => ({ width, missing });

describe("rows of a wrapped log", () => {
  it("a line takes as many as its width needs, an empty one takes one", () => {
    const sums = layOut([line(0), line(80), line(81), line(200, 5), line(3)], 80);
    expect([...sums]).toEqual([0, 1, 2, 4, 8, 9]);
    expect(rowCount(sums)).toBe(9);
    expect([0, 1, 2, 3, 4, 7, 8, 99, -5].map((row) => lineAt(sums, row))).toEqual([0, 1, 2, 2, 3, 3, 4, 4, 0]);
  });

  it("draws what can be seen and some around it", () => {
    const sums = layOut(
      Array.from({ length: 10_000 }, () => line(10)),
      80,
    );
    expect(visible(sums, 500, 30, 10)).toEqual({ from: 490, to: 541 });
    expect(visible(sums, 0, 30, 10)).toEqual({ from: 0, to: 41 });
    expect(visible(sums, 9_990, 30, 10)).toEqual({ from: 9_980, to: 10_000 });
  });

  it("of nothing is nothing", () => {
    const sums = layOut([], 80);
    expect([rowCount(sums), lineAt(sums, 3), visible(sums, 0, 30, 10).to]).toEqual([0, 0, 0]);
  });

  it("counts columns as a fixed-width font has them", () => {
    expect(["plain", "a\tb", "漢字", "🙂", "e\u0301", ""].map(textWidth)).toEqual([5, 9, 4, 2, 1, 0]);
  });
});
