import { expect, test } from "vitest";
import { failed, passed, runSteps, type Step } from "./steps.ts";
import { countReport } from "./vitest-run.ts";

const quiet = (): void => {};
const states = async (steps: Step[], width = 2) =>
  (await runSteps(steps, width, quiet)).map(({ name, outcome }) => `${name} ${outcome.state}`);

test("a step waits for what it needs and is not run when that failed", async () => {
  const order: string[] = [];
  const step = (name: string, needs: string[], good = true): Step => ({
    name,
    needs,
    run: async () => {
      order.push(name);
      return good ? passed() : failed("no");
    },
  });
  expect(await states([step("c", ["b"]), step("b", ["a"], false), step("a", [])])).toEqual(["c failed", "b failed", "a passed"]);
  expect(order).toEqual(["a", "b"]);
});

test("a step that throws has failed, and says why", async () => {
  const lines: string[] = [];
  const records = await runSteps([{ name: "a", run: () => Promise.reject(new Error("broken")) }], 1, (line) => lines.push(line));
  expect(records[0]?.outcome).toEqual({ state: "failed", output: "broken" });
  expect(lines.join("\n")).toContain("broken");
});

test("steps that need one another are a mistake that is told", async () => {
  const run = async () => passed();
  await expect(
    states([
      { name: "a", needs: ["b"], run },
      { name: "b", needs: ["a"], run },
    ]),
  ).rejects.toThrow("a, b");
});

test("a step outside this run holds nobody up", async () => {
  expect(await states([{ name: "a", needs: ["elsewhere"], run: async () => passed() }])).toEqual(["a passed"]);
});

test("at most so many steps run at once", async () => {
  let running = 0;
  let most = 0;
  const step = (name: string): Step => ({
    name,
    run: async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return passed();
    },
  });
  await states(["a", "b", "c", "d", "e"].map(step), 2);
  expect(most).toBe(2);
});

const report = (figures: Record<string, number>): string => JSON.stringify(figures);

test.each([
  [report({ numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 }), 0, { passed: 3, failed: 0, skipped: 2 }],
  [report({ numPassedTests: 3, numFailedTests: 2, numFailedTestSuites: 1 }), 1, { passed: 3, failed: 2, skipped: 0 }],
  [report({ numPassedTests: 3, numFailedTestSuites: 1 }), 1, { passed: 3, failed: 1, skipped: 0 }],
  [report({ numPassedTests: 3 }), 1, { passed: 3, failed: 1, skipped: 0 }],
  ["", 0, { passed: 0, failed: 1, skipped: 0 }],
  ["", 124, { passed: 0, failed: 1, skipped: 0 }],
])("the report %s with exit code %i counts as %j", (text, code, counts) => {
  expect(countReport(text, code)).toEqual(counts);
});
