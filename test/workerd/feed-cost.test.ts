/** What an event costs: rows are what the platform bills. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { EventRing } from "../../control-plane/src/objects/feed-events.ts";
import { OF_SESSION } from "../../control-plane/src/objects/feed-schema.ts";
import { toFleetEvent, type EventType } from "../../control-plane/src/domain/events/event.ts";

test("an event of a task is two rows; one of a session three, by which the last one of a session is found", async () => {
  await runInDurableObject(env.FEED.getByName("flt_cost"), (_feed, { storage: { sql } }) => {
    let written = 0;
    const counting = new Proxy(sql, {
      get: (target, name) =>
        name !== "exec"
          ? Reflect.get(target, name)
          : (...args: Parameters<SqlStorage["exec"]>) => {
              const cursor = target.exec(...args);
              written += cursor.rowsWritten;
              return cursor;
            },
    });
    const ring = new EventRing(counting);
    const rows = (type: EventType, subject: string, host: string): number => {
      const before = written;
      ring.add([{ make: (seq) => toFleetEvent({ type, subject, summary: "" }, seq, `evt_${seq}`, 0), placeOf: () => ({ host }) }]);
      return written - before;
    };
    expect(rows("task.created", "tsk_1", "a")).toBe(2);
    expect(rows("session.created", "ses_1", "b")).toBe(3);
    expect(rows("task.finished", "ses_1", "c")).toBe(2);
    expect(ring.lastPlace("ses_1")).toEqual({ host: "b", agent: undefined });
    const plan = sql
      .exec<{ detail: string }>(
        `EXPLAIN QUERY PLAN SELECT host FROM events WHERE json_extract(json, '$.subject') = ? AND ${OF_SESSION}`,
        "ses_1",
      )
      .toArray();
    expect(plan.map(({ detail }) => detail).join()).toContain("event_session_subjects");
  });
});
