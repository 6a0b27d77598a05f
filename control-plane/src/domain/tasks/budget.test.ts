import { describe, expect, test } from "vitest";
import { MAX_TASKS_BENEATH } from "@maestro/shared/limits";
import { budgetProblem, budgetView, charge, overspent } from "./budget.ts";
import { BoardRig } from "./testing/board-rig.ts";
import type { TaskCore } from "./model.ts";

const task = (more: Partial<TaskCore>): TaskCore => new BoardRig().task("top", more);

describe("a budget", () => {
  test("is spent when what was told of beneath it reaches it: cents add up to what they look like", () => {
    const top = task({ budget: { usd: 0.3 } });
    for (const cost of [0.1, 0.1]) charge(top, 1, cost);
    expect(overspent(top)).toBeUndefined();
    charge(top, 0, 0.1);
    expect(overspent(top)).toBe("The tasks beneath 'top' may cost 0.3 USD together, and have cost 0.3 USD.");
    expect(budgetView(top)).toEqual({ usd: 0.3, spentUsd: 0.3, tasks: MAX_TASKS_BENEATH, usedTasks: 2 });
  });

  test("without money in it is never spent, but its tasks are", () => {
    const top = task({});
    expect(budgetView(top)).toBeUndefined();
    charge(top, MAX_TASKS_BENEATH - 1, 1e6);
    expect(overspent(top)).toBeUndefined();
    expect(budgetProblem([top])).toBeUndefined();
    charge(top, 1, 0);
    expect(budgetProblem([task({ id: "other" }), top])).toMatchObject({
      code: "budget_exceeded",
      detail: `There may be ${MAX_TASKS_BENEATH} tasks beneath 'top', and there are.`,
      hint: "Put more of the work into each of them.",
    });
  });
});

test("a host that tells two ends at once charges both to a task that is over", () => {
  const rig = new BoardRig();
  rig.host("h", { maxConcurrent: 4 });
  const top = rig.task("top", { budget: { usd: 1 } });
  rig.run(top);
  rig.end(top);
  const below = ["a", "b", "c"].map((key) => rig.task(key, { above: ["top"], retries: 3, retryOn: ["exit_nonzero"] }));
  const attempts = below.map((one) => rig.run(one));
  expect(top.beneath).toEqual({ tasks: 3, usd: 0 });
  const failed = attempts.slice(0, 2).map(({ id, fence }) => ({
    attempt: id,
    fence,
    status: {
      state: "ended",
      end: {
        outcome: "failed",
        exitCode: 1,
        endedMs: rig.nowMs,
        usage: { costUsd: 0.5 },
        reason: { code: "exit_nonzero", detail: "" },
      },
    } as const,
  }));
  rig.board.hostAttempts("h", "h-1", failed, true, true, rig.nowMs);
  expect(top.beneath).toEqual({ tasks: 3, usd: 1 });
  // Neither is tried again, and the third is stopped.
  expect(below.map(({ cancel }) => cancel?.by)).toEqual(["its budget", "its budget", "its budget"]);
  expect(rig.ended.map(({ key }) => key)).toEqual(["top", "a", "b"]);
  expect(rig.cancels).toEqual([{ attempt: attempts[2]?.id, why: "cancelled" }]);
});
