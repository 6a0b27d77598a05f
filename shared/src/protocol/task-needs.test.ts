import { expect, test } from "vitest";
import { KNOWN_NEEDS, needsOf } from "./task-needs.ts";

test("a task that asks for nothing new needs nothing of its host", () => {
  const usual = { isolate_with: "none", argv: ["x"] };
  expect(needsOf({}, undefined)).toEqual([]);
  expect(needsOf({ forwardAgent: false, container: "auto" }, { definition: usual })).toEqual([]);
  expect(needsOf({ command: ["true"], container: "none" }, { program: "~/bin/x" })).toEqual([]);
});

test("what it asks for is named, and each is known to this version", () => {
  const all = { images: [], permissions: "plan", forwardAgent: true, container: "c", repository: {} } as const;
  const needs = needsOf(all, { program: "~/bin/x", definition: { isolate_with: "docker" } });
  expect(needs.map((need) => `task:${need}`)).toEqual(KNOWN_NEEDS);
});
