/** What a task costs in rows, counted over all objects. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { taskFleet } from "./support/task-fleet.ts";

const TASKS = 10;

type Counted = { rows: number; alarms: number; statements: number };

/** Everything that this object writes from now on. */
function count(stub: DurableObjectStub<undefined>): Promise<() => Counted> {
  return runInDurableObject(stub, (_instance, state) => {
    const counted: Counted = { rows: 0, alarms: 0, statements: 0 };
    const { sql } = state.storage;
    const exec = sql.exec.bind(sql);
    sql.exec = ((query: string, ...bindings: unknown[]) => {
      const cursor = exec(query, ...(bindings as SqlStorageValue[]));
      counted.statements += 1;
      // Known once it is read; writes are not.
      counted.rows += cursor.rowsWritten;
      return cursor;
    }) as typeof sql.exec;
    const setAlarm = state.storage.setAlarm.bind(state.storage);
    state.storage.setAlarm = (...given) => {
      counted.alarms += 1;
      return setAlarm(...given);
    };
    return () => counted;
  });
}

/** [P16] A budget of twenty per task, of which three are its log's. */
test("a task that runs at once writes at most 17 rows in the Scheduler, the Feed and its host's relay", async () => {
  const world = await taskFleet();
  const builder = await world.join("builder");
  const run = async (): Promise<void> => {
    const id = await world.submit({ labels: { some: "thing" } });
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    builder.end(attempt);
    await builder.acked(attempt);
    await world.until(id, "completed");
  };
  await run();
  const counts = [
    await count(untyped(world.scheduler())),
    await count(untyped(env.FEED.getByName(world.fleet.id))),
    await count(untyped(env.HOST_RELAY.getByName(`${world.fleet.id}/${builder.host.id}`))),
  ];
  for (let n = 0; n < TASKS; n++) await run();
  const perTask = counts.map((counted) => counted().rows / TASKS);
  expect(perTask[0]).toBeGreaterThan(3);
  // What was told, and the alarm, are written once for many.
  expect(perTask[0]).toBeLessThanOrEqual(6.5);
  expect(perTask.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(17.5);
  expect(counts.reduce((sum, counted) => sum + counted().alarms, 0)).toBeLessThan(TASKS);
});

/** [P13] Beside what is written, one look whether its id is free: everything else is known. */
test("a task that waits takes two statements of the Scheduler, its event and its audit record two each of the Feed", async () => {
  const world = await taskFleet();
  const feed = env.FEED.getByName(world.fleet.id);
  const submit = async (): Promise<void> => {
    const id = makeId("task", Date.now(), crypto.getRandomValues(new Uint8Array(10)));
    await world.submit({ id });
  };
  await submit();
  await expect.poll(async () => (await feed.events("0", 100)).items.map(({ type }) => type)).toEqual(["task.created"]);
  const [scheduler, told] = [await count(untyped(world.scheduler())), await count(untyped(feed))];
  for (let n = 1; n <= TASKS; n++) {
    await submit();
    // Events of several together would take fewer.
    await expect.poll(() => told().statements, { interval: 5 }).toBe(4 * n);
  }
  // Up to which one they were told is written once for many.
  expect(scheduler().statements).toBeLessThanOrEqual(2 * TASKS + 1);
});

/** Whatever it is, it has a state. */
const untyped = (stub: object): DurableObjectStub<undefined> => stub as DurableObjectStub<undefined>;
