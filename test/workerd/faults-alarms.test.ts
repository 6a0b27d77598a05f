/** [F11] [F12] The Scheduler's one alarm, when the platform delivers it twice, or gives it up. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import { taskFleet, type TaskFleet } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});

/** As often as the platform tries before it gives up. */
const TRIES = 6;
const SCHEDULE_TIMEOUT_MS = 60_000;

const finishedEvents = async (id: string): Promise<number> =>
  (await env.FEED.getByName(world.fleet.id).events("0", 1000)).items.filter(
    ({ type, json }) => type === "task.finished" && JSON.parse(json).subject === id,
  ).length;

const alarmOf = () => runInDurableObject(world.scheduler(), (_instance, state) => state.storage.getAlarm());

test("[F11] delivered twice, it ends an overdue task once, retries once, and offers nothing twice", async () => {
  const builder = await world.join("builder");
  const overdue = await world.submit({ scheduleTimeoutMs: SCHEDULE_TIMEOUT_MS }, [{ kind: "host", selector: { host: "nowhere" } }]);
  const id = await world.submit({ retries: 1 });
  const first = String((await builder.asked("task.start"))["attempt"]);
  builder.end(first, { outcome: "failed", exitCode: null, reason: { code: "runner_died", detail: "killed" } });
  await builder.acked(first);
  await world.later(SCHEDULE_TIMEOUT_MS + 1);
  const second = String((await builder.asked("task.start"))["attempt"]);
  for (let n = 0; n < 3; n++) await world.alarm();
  await world.until(id, "running");
  expect(builder.started).toEqual([first, second]);
  expect((await world.task(id)).attempts.map(({ fence }) => fence)).toEqual([1, 2]);
  expect(await world.task(overdue)).toMatchObject({ status: "timed_out", reason: { code: "schedule_timeout" } });
  await expect.poll(() => finishedEvents(overdue)).toBe(1);
});

test("[F12] given up after throwing six times, it is set again by whatever happens next, and nothing was lost", async () => {
  const overdue = await world.submit({ scheduleTimeoutMs: SCHEDULE_TIMEOUT_MS });
  await runInDurableObject(world.scheduler(), (instance) => {
    instance.alarm = () => Promise.reject(new Error("the storage is away"));
  });
  for (let n = 0; n < TRIES; n++) {
    await runInDurableObject(world.scheduler(), (_instance, state) => state.storage.setAlarm(Date.now() + 3_600_000));
    await expect(runDurableObjectAlarm(world.scheduler())).rejects.toThrow("the storage is away");
  }
  await runInDurableObject(world.scheduler(), (_instance, state) => state.storage.deleteAlarm());
  expect(await alarmOf()).toBeNull();
  // The object that failed is gone sooner or later; another task, or a host's hello, is enough for the next one.
  await world.evict();
  await world.submit({}, [{ kind: "host", selector: { host: "nowhere" } }]);
  expect(await alarmOf()).not.toBeNull();
  await world.later(SCHEDULE_TIMEOUT_MS + 1);
  expect(await world.task(overdue)).toMatchObject({ status: "timed_out", reason: { code: "schedule_timeout" } });
});
