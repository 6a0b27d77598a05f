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
    return { ...newCore(task, { key, changes: 1, dependsOn: [], depth: 0 }, at), finishedMs: at };
  });

test("one that is still needed holds up none of those after it", async () => {
  let kept = ended(120);
  const needed = kept[0]?.key;
  let nowMs = 0;
  const retention = new Retention({
    rows: {
      *oldest(limit) {
        yield* kept.slice(0, limit);
      },
      delete: ({ key }) => {
        kept = kept.filter((task) => task.key !== key);
      },
    },
    nowMs: () => nowMs,
    needed: (key) => key === needed,
    eraseLog: () => Promise.resolve(),
    forgotten: () => undefined,
  });
  const startMs = (nowMs = 2 * TASK_RETENTION_MS);
  while (kept.length > 1 && nowMs - startMs < 60_000) {
    await retention.run();
    nowMs = Math.max(nowMs + 1, retention.dueMs ?? Infinity);
  }
  expect(kept.map(({ key }) => key)).toEqual([needed]);
});
