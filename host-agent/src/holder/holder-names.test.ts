import { describe, expect, test } from "vitest";
import { SESSION_NAME_PATTERN } from "@maestro/shared/names";
import { chooseName } from "./holder-names.ts";

describe("the name of a new session", () => {
  test.each([
    ["a free one stays", { name: "sh", orNumbered: "sh" }, [], "sh"],
    ["a taken one that was given gets its number", { name: "sh-2", orNumbered: "sh" }, ["sh", "sh-2"], "sh-3"],
    ["the first free number is taken", { name: "sh", orNumbered: "sh" }, ["sh", "sh-3"], "sh-2"],
    ["a taken one that somebody chose stays, to be refused", { name: "sh" }, ["sh"], "sh"],
  ])("%s", (_what, wanted, taken, name) => {
    expect(chooseName(wanted, new Set(taken))).toBe(name);
  });

  test("a number never makes it too long", () => {
    const name = "n".repeat(63);
    const chosen = chooseName({ name, orNumbered: name }, new Set([name]));
    expect(chosen).toBe(`${"n".repeat(61)}-2`);
    expect(chosen).toMatch(SESSION_NAME_PATTERN);
  });
});
