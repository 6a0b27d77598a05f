/** [LK4] What presence is made of. */
import { describe, expect, test } from "vitest";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { helloOf } from "./support/host-words.ts";
import { relayFixture } from "./support/relay-fixture.ts";
import { eventsOf, later } from "./support/relay-talk.ts";

describe("[LK4] presence", () => {
  test("[LK4] online, stale, lost and back are told as they happen", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    host.socket.close(4000, "cut");
    const viewerless = async (): Promise<string> => (await relay.stub.status()).presence;
    expect(await viewerless()).toBe("online");
    await later(relay, 46_000);
    expect(await viewerless()).toBe("stale");
    await later(relay, 10 * 60_000);
    expect(await viewerless()).toBe("lost");
    await relay.evict();
    await relay.host_([]);
    expect(await viewerless()).toBe("online");
    await expect.poll(() => eventsOf(relay)).toEqual(["host.online", "host.stale", "host.lost", "host.online"]);
  });

  test("[LK4] [F19] a host that hears nothing goes stale, however often it dials, and whatever is evicted", async () => {
    const relay = relayFixture();
    const status = (): Promise<unknown> => relay.stub.status();
    const host = await relay.host_([]);
    host.socket.close(4000, "cut");
    for (let dialled = 1; dialled <= 5; dialled++) {
      const deaf = await relay.link();
      // A new life has the clock of the machine again.
      const evicted = dialled % 2 === 0;
      if (evicted) await relay.evict();
      await later(relay, evicted ? dialled * 9_200 : 9_200);
      expect((await deaf.closed).code).toBe(CLOSE.helloTimeout);
    }
    expect(await status()).toMatchObject({ connected: false, presence: "stale" });
    const deaf = await relay.link();
    expect(await status()).toMatchObject({ connected: false, presence: "stale" });
    deaf.say(helloOf("instance-a", []));
    await deaf.next("welcome");
    expect(await status()).toMatchObject({ connected: true, presence: "online" });
    await expect.poll(() => eventsOf(relay)).toEqual(["host.online", "host.stale", "host.online"]);
  });

  test("[LK4] [P14] pings are answered without waking the object", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await relay.evict();
    for (let i = 0; i < 20; i++) await host.pingPong();
    // A new life would have asked the host for its offsets.
    expect(host.asked.filter(({ t }) => t === "sync")).toHaveLength(0);
    expect(await relay.inside((_relay, state) => state.storage.getAlarm())).toBeNull();
    await relay.stub.status();
    await host.next("sync");
  });
});
