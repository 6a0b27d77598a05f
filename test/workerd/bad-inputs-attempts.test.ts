/** Bad inputs 28 and 29 where they happen: an agent's token, and a host's report, whose attempt is over or not the one that runs. */
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { call, refusal, type Call } from "./access-fleet.ts";
import { workingFleet } from "./support/working-fleet.ts";

const WRITES: [what: string, path: string, options: Call][] = [
  ["reads its task", "/api/v1/tasks/t1", {}],
  ["reads its log", "/api/v1/tasks/t1/log", {}],
  ["waits for it", "/api/v1/tasks/t1/wait?timeout=0", {}],
  ["cancels it", "/api/v1/tasks/t1/cancel", { body: { reason: "x" } }],
  ["submits beneath it", "/api/v1/tasks", { body: { command: ["true"], on: { host: "builder" } } }],
  ["reads state", "/api/v1/state", {}],
  ["writes a result into state", "/api/v1/state/task:t1:note", { method: "PUT", body: { value: "late" } }],
  ["deletes state", "/api/v1/state/task:t1:note", { method: "DELETE" }],
];

test("API 28: whose attempt has ended is refused as attempt_terminal, whatever it asks for", async () => {
  const { submit, running, ended, detail, tokenOf, evict } = await workingFleet();
  await submit({ prompt: "x", id: "t1" });
  const attempt = await running("t1");
  const token = await tokenOf("t1", attempt);
  ended(attempt);
  await expect.poll(async () => (await detail("t1")).status).toBe("completed");
  for (const life of ["as it ended", "after a wake"]) {
    if (life === "after a wake") await evict();
    for (const [what, path, options] of WRITES) {
      const problem = await refusal(call(path, { token, ...options }), "attempt_terminal");
      expect([problem.detail, problem.field, problem.hint], `${what}, ${life}`).toEqual([
        "The attempt is completed.",
        undefined,
        "What it may do ended with it.",
      ]);
    }
  }
});

test("API 29: with another fence than that of the attempt that runs is refused as stale_fence, whatever it asks for", async () => {
  const { submit, running, tokenOf } = await workingFleet();
  await submit({ prompt: "x", id: "t1" });
  const { id, fence } = await running("t1");
  for (const wrong of [fence - 1, fence + 1].filter((other) => other > 0)) {
    const token = await tokenOf("t1", { id, fence: wrong });
    for (const [what, path, options] of WRITES) {
      const problem = await refusal(call(path, { token, ...options }), "stale_fence");
      expect([problem.detail, problem.field, problem.hint], what).toEqual([
        "This is not the fence of an attempt that runs.",
        undefined,
        "Its work goes on elsewhere, or never began.",
      ]);
    }
  }
});

test("API 28, 29: a host's further end changes nothing: an identical one is taken again, another one is kept as evidence", async () => {
  const { submit, running, ended, detail, link, scheduler } = await workingFleet();
  const evidence = (): Promise<number> =>
    runInDurableObject(scheduler(), (_s, { storage }) => storage.sql.exec("SELECT attempt FROM evidence").toArray().length);
  await submit({ prompt: "x", id: "t1" });
  const attempt = await running("t1");
  const endedMs = Date.now();
  ended({ ...attempt, fence: attempt.fence + 1 }, { endedMs, outcome: "failed", exitCode: 7 });
  await link.pingPong();
  expect(await detail("t1")).toMatchObject({ status: "running" });
  ended(attempt, { endedMs, result: "first" });
  await expect.poll(async () => (await detail("t1")).status).toBe("completed");
  ended(attempt, { endedMs, result: "first" });
  await link.pingPong();
  expect(await evidence()).toBe(0);
  ended(attempt, { endedMs, outcome: "failed", exitCode: 3, result: "second" });
  await expect.poll(evidence).toBe(1);
  expect(await detail("t1")).toMatchObject({ status: "completed", exitCode: 0, result: "first", targets: [{ attempts: 1 }] });
});
