import { expect, test } from "vitest";
import { matchesPattern, matchesPatternList } from "./pattern.ts";

test.each([
  ["", "", true],
  ["", "*", true],
  ["a", "", false],
  ["gpu1", "gpu?", true],
  ["gpu12", "gpu?", false],
  ["a.b.c", "*.c", true],
  ["a.b.c", "a*c", true],
  ["a.b.c", "a*b", false],
  ["abcbd", "a*b*d", true],
  ["abab", "*ab", true],
  ["a.b", "a.b*", true],
  ["axb", "a.b", false],
])("'%s' against '%s' is %s", (text, pattern, expected) => expect(matchesPattern(text, pattern)).toBe(expected));

test("a negated pattern takes back what another gives, wherever it stands, and gives nothing itself", () => {
  expect(matchesPatternList("dev.example", ["*.example", "!dev.*"])).toBe(false);
  expect(matchesPatternList("dev.example", ["!dev.*", "*.example"])).toBe(false);
  expect(matchesPatternList("prod.example", ["*.example", "!dev.*"])).toBe(true);
  expect(matchesPatternList("prod.example", ["!dev.*"])).toBe(false);
});

test("a pattern made to take long does not", () => {
  expect(matchesPattern("a".repeat(20_000), "*a".repeat(100) + "b")).toBe(false);
});
