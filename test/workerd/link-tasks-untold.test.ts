/** [TK3] What the Scheduler could not be told survives, also where the relay has no room to keep it. */
import { expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { MAX_ATTEMPTS } from "../../control-plane/src/objects/host-relay/attempt-book.ts";
import { relayFixture } from "./support/relay-fixture.ts";
import { later } from "./support/relay-talk.ts";
import { schedulerScript } from "./support/scheduler-script.ts";

const scheduler = schedulerScript();

test("[TK3] an end that finds no room to wait in is asked for again, and told", async () => {
  const relay = relayFixture();
  const host = await relay.host_([]);
  await expect.poll(() => scheduler.calls()).toEqual(["hostUp"]);
  await relay.inside((_relay, { storage }) => {
    const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_ATTEMPTS}) SELECT 'att_full' || i, 1, 0 FROM n`;
    storage.sql.exec(`INSERT INTO attempts (id, mark, ours) ${rows}`);
  });
  await relay.evict();
  const attempt = makeId("attempt", Date.now(), crypto.getRandomValues(new Uint8Array(10)));
  const report: AttemptReport = {
    attempt,
    fence: 1,
    status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: 2 } },
  };
  scheduler.failing = 2;
  host.say({ t: "task.status", report });
  await expect.poll(() => scheduler.failing).toBe(0);
  await later(relay, 6_000);
  await host.next("sync", (frame) => frame["attempts"] === true);
  host.say({ t: "attempts", items: [report], first: true, more: false });
  expect(await host.next("task.ack")).toMatchObject({ attempt });
  expect(scheduler.of("hostAttempts").at(-1)?.items).toEqual([report]);
});
