import { describe, expect, test } from "vitest";
import { fakeTarget, fakeTask } from "../testing/fake-task.ts";
import { Task, type TaskTarget } from "@maestro/shared/contract/tasks";
import { outcomeCode, passedThrough, taskFailure } from "./task-outcome.ts";

const task = (...targets: TaskTarget[]) => Task.parse(fakeTask({}, ...targets));
const one = (status: TaskTarget["status"], exitCode?: number) =>
  fakeTarget("a", { status, ...(exitCode === undefined ? {} : { exitCode }) });

describe("[SKILL34] the exit code of --sync", () => {
  test.each<[string, TaskTarget[], number]>([
    ["all completed", [one("completed", 0), one("completed")], 0],
    ["the first non-zero one in target order", [one("completed", 0), one("failed", 7), one("failed", 3)], 7],
    ["failed without a code", [one("failed")], 6],
    ["failed though the program ended with 0", [one("failed", 0)], 6],
    ["a code that no process can have", [one("failed", 4096)], 6],
    ["timed out", [one("timed_out", 143)], 5],
    ["cancelled, whatever the signal left", [one("cancelled", 130)], 6],
    ["lost", [one("lost")], 6],
    ["a later failure behind a lost one", [one("lost"), one("failed", 2)], 6],
  ])("%s", (_what, targets, code) => {
    expect(passedThrough(task(...targets))).toBe(code);
  });

  test("without a target is that of the task", () => {
    expect(passedThrough({ status: "failed", exitCode: 4, targets: [] })).toBe(4);
  });
});

test.each([
  ["completed", 0],
  ["failed", 6],
  ["cancelled", 6],
  ["lost", 6],
  ["timed_out", 5],
  ["running", 8],
  ["unknown", 8],
] as const)("task wait of a task that is %s exits %i", (status, code) => {
  expect(outcomeCode(status)).toBe(code);
});

test("a failure tells the reason, its hint, and is the first target's that did not succeed", () => {
  const failed = fakeTarget("b", {
    status: "failed",
    reason: { code: "quota_limit", detail: "The quota is used up", hint: "Wait until five." },
  });
  expect(taskFailure(Task.parse(fakeTask({ id: "t1", status: "failed" }, one("completed"), failed)))?.error).toEqual({
    code: "task_failed",
    detail: "Task t1 failed: The quota is used up.",
    hint: "Wait until five.",
    extra: { task: "t1", taskStatus: "failed", reason: "quota_limit" },
  });
  expect(taskFailure(Task.parse(fakeTask({ id: "t1", status: "timed_out" }, one("timed_out"))))?.error).toMatchObject({
    code: "timeout",
    hint: "See: maestro logs t1",
  });
  const neverRan = fakeTarget("b", { status: "failed", attempts: 0, reason: { code: "dependency_failed", detail: "No." } });
  expect(taskFailure(Task.parse(fakeTask({ id: "t1", status: "failed" }, neverRan)))?.error).toMatchObject({
    hint: "See: maestro task status t1",
  });
  expect(taskFailure(task(one("completed")))).toBeUndefined();
  expect(taskFailure(task(one("running")))).toBeUndefined();
});
