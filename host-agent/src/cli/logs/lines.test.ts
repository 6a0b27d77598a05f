import { expect, test } from "vitest";
import { LineSplitter } from "./lines.ts";

const lines = (...chunks: [number, string][]) => {
  const splitter = new LineSplitter();
  return [...chunks.flatMap(([offset, text]) => [...splitter.write(offset, Buffer.from(text))]), ...splitter.end()];
};

test("lines begin where they do in the log, however the bytes come", () => {
  const expected = [
    { offset: 10, line: "日本" },
    { offset: 17, line: "" },
    { offset: 18, line: "end" },
  ];
  expect(lines([10, "日本\n\nend"])).toEqual(expected);
  const bytes = Buffer.from("日本\n\nend");
  for (let at = 0; at <= bytes.byteLength; at++) {
    const splitter = new LineSplitter();
    const got = [...splitter.write(10, bytes.subarray(0, at)), ...splitter.write(10 + at, bytes.subarray(at)), ...splitter.end()];
    expect(got).toEqual(expected);
  }
});

test("after a leap nothing is joined that does not belong together", () => {
  expect(lines([0, "a\nb"], [100, "c\n"])).toEqual([
    { offset: 0, line: "a" },
    { offset: 2, line: "b" },
    { offset: 100, line: "c" },
  ]);
});

test("a line without end is given in pieces, nothing lost", () => {
  const long = "x".repeat(700_000);
  const got = lines([0, long]);
  expect(got.length).toBeGreaterThan(1);
  expect(got.map(({ line }) => line).join("")).toBe(long);
  expect(got.map(({ offset }) => offset)).toEqual(got.map((_, i) => i * 256 * 1024));
});
