/** The relay's one alarm, while it is handled. */
import { expect, test, vi } from "vitest";
import { AlarmClock } from "../../control-plane/src/objects/host-relay/alarm-clock.ts";
import { relayFixture } from "./support/relay-fixture.ts";

const HOUR_MS = 3_600_000;

test("[P14] an alarm that woke the object sets no other for what it does; the next one is set last, and once", async () => {
  const relay = relayFixture();
  await relay.inside(async (_relay, { storage }) => {
    const set = vi.spyOn(storage, "setAlarm");
    const clock = new AlarmClock(storage);
    const nextMs = Date.now() + HOUR_MS;
    // What the new life finds to do, before it has read whether an alarm is set.
    clock.arm({ retry: 1 });
    await clock.handle(
      async () => {
        await storage.getAlarm();
        clock.arm({ retry: 2 });
      },
      () => ({ retry: nextMs }),
    );
    expect(set.mock.calls.map(([at]) => at)).toEqual([nextMs]);
  });
});

test("[F12] work that fails leaves the clock as it was: whatever happens next sets the alarm again", async () => {
  const relay = relayFixture();
  await relay.inside(async (_relay, { storage }) => {
    const clock = new AlarmClock(storage);
    const failing = clock.handle(
      () => Promise.reject(new Error("the storage is away")),
      () => ({}),
    );
    await expect(failing).rejects.toThrow("the storage is away");
    const atMs = Date.now() + HOUR_MS;
    clock.arm({ retry: atMs });
    expect(await storage.getAlarm()).toBe(atMs);
  });
});
