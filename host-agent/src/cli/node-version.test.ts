import { expect, test } from "vitest";
import { nodeProblem } from "./node-version.ts";

test.each(["22.12.0", "22.20.1", "24.0.0", "100.1.0"])("Node %s will do", (version) => {
  expect(nodeProblem(version)).toBeUndefined();
});

test.each(["22.11.9", "20.20.2", "9.0.0"])("Node %s is refused, saying which one is needed", (version) => {
  expect(nodeProblem(version)).toMatchObject({
    code: "node_too_old",
    detail: `Node ${version} is too old.`,
    hint: expect.stringContaining("22.12"),
  });
});
