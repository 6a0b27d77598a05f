import { expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { TASK_RETENTION_MS } from "@maestro/shared/limits";
import { newCore } from "../../domain/tasks/submission.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { Retention } from "./retention.ts";

/** As they ended, oldest first. */
const ended = (count: number): TaskCore[] =>
  Array.from({ length: count }, (_, at) => {
    const key = makeId("task", at, new Uint8Array(10));
    const task = { body: { command: ["true"], dependsOn: [] }, sealed: {}, targets: [], by: { name: "ada", credential: "ada" } };
    return { ...newCore(task, { key, changes: 1, dependsOn: [], depth: 0, above: [] }, at), finishedMs: at };
  });

/** Those that are there still when it is so late, each alarm having gone off in its time. */
async function leftOf(tasks: TaskCore[], isNeeded: (key: string, nowMs: number) => boolean, untilMs: number): Promise<TaskCore[]> {
  let kept = tasks;
  let nowMs = 0;
  let runs = 0;
  const retention = new Retention({
    rows: {
      *oldest(limit, after = "") {
        yield* kept.filter(({ key }) => key > after).slice(0, limit);
      },
      delete: ({ key }) => {
        kept = kept.filter((task) => task.key !== key);
      },
    },
    nowMs: () => nowMs,
    needed: (key) => isNeeded(key, nowMs),
    eraseLog: () => Promise.resolve(),
    forgotten: () => undefined,
  });
  nowMs = START_MS;
  while (kept.length > 0 && nowMs < untilMs) {
    await retention.run();
    nowMs = Math.max(nowMs + 1, retention.dueMs ?? Infinity);
    expect(++runs, "it does not spin").toBeLessThan(1_000);
  }
  return kept;
}

const START_MS = 2 * TASK_RETENTION_MS;
const MINUTE_MS = 60_000;

test.each([1, 50, 51, 180])("%i that are still needed hold up none of those after them", async (count) => {
  const tasks = ended(count + 120);
  const needed = new Set(tasks.slice(0, count).map(({ key }) => key));
  const left = await leftOf(tasks, (key) => needed.has(key), START_MS + MINUTE_MS);
  expect(left.map(({ key }) => key)).toEqual([...needed]);
});

test("those go later that were needed, and those that ended late", async () => {
  const tasks = ended(200).map((task, at) => (at < 70 ? { ...task, finishedMs: START_MS - TASK_RETENTION_MS + 90 * MINUTE_MS } : task));
  expect(await leftOf(tasks, () => false, START_MS + MINUTE_MS)).toHaveLength(70);
  expect(await leftOf(tasks, () => false, START_MS + 3 * 60 * MINUTE_MS)).toEqual([]);
  const first = tasks[0]?.key ?? "";
  expect(await leftOf(ended(60), (key, nowMs) => key === first && nowMs < START_MS + 30 * MINUTE_MS, START_MS + 120 * MINUTE_MS)).toEqual(
    [],
  );
});
