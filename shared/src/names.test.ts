import { expect, test } from "vitest";
import { colourIndex, editDistance, NAME_PATTERN, nearest, SESSION_NAME_PATTERN, treePlace } from "./names.ts";

test.each(["a", "web-1", "0", "code_reviewer", "a".repeat(63)])("'%s' is a name", (name) => expect(NAME_PATTERN.test(name)).toBe(true));
test.each(["", "-a", "_a", "A", "a b", "a/b", "a.b", "ä", "a\n", "../x", "a".repeat(64)])("%j is no name", (name) =>
  expect(NAME_PATTERN.test(name)).toBe(false),
);

test.each(["build", "Müller", "日本", "a b", "fix/login", "_x", "c++"])("'%s' may name a session", (name) =>
  expect(SESSION_NAME_PATTERN.test(name)).toBe(true),
);
test.each(["", "-x", ".x", ":x", "a:b", "a.b", " a", "a\u0007", "a\nb", "x".repeat(64), "\u202eabc"])("%j may not name a session", (name) =>
  expect(SESSION_NAME_PATTERN.test(name)).toBe(false),
);

test.each([
  ["customers-zoom-backend", { group: "customers", subgroup: "zoom", label: "backend" }],
  ["a-b-c-d", { group: "a", subgroup: "b", label: "c-d" }],
  ["solo", { group: "ungrouped", subgroup: undefined, label: "solo" }],
  ["two-parts", { group: "ungrouped", subgroup: undefined, label: "two-parts" }],
  ["a--b", { group: "ungrouped", subgroup: undefined, label: "a--b" }],
  ["a-b-", { group: "ungrouped", subgroup: undefined, label: "a-b-" }],
  ["", { group: "ungrouped", subgroup: undefined, label: "" }],
])("the name '%s' has its place in the tree", (name, place) => expect(treePlace(name)).toEqual(place));

test("a group keeps its colour, one of eight", () => {
  for (const name of ["", "customers", "日本", "z".repeat(63)]) {
    expect(colourIndex(name)).toBe(colourIndex(name));
    expect([0, 1, 2, 3, 4, 5, 6, 7]).toContain(colourIndex(name));
  }
});

test("a typing error is answered with what was probably meant, nearest first", () => {
  expect(nearest("sesion", ["host", "session", "agent", "version"])).toEqual(["session", "version"]);
  expect(nearest("STATUS", ["status", "stop"])[0]).toBe("status");
  expect(nearest("qqqqqqqqqq", ["host", "agent"])).toEqual([]);
});

test.each([
  ["", "", 0],
  ["abc", "abc", 0],
  ["abc", "", 3],
  ["kitten", "sitting", 3],
])("from '%s' to '%s' are %i edits", (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
  expect(editDistance(b, a)).toBe(edits);
});
