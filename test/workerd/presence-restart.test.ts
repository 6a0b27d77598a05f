/** [LK4] What is shown of a host whose link went with the process that held it. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { ONLINE_FOR_MS, STALE_FOR_MS } from "@maestro/shared/limits";
import { sessionInfo } from "./support/host-words.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";
import { eventsOf } from "./support/relay-talk.ts";

const feedOf = (relay: RelayFixture) => env.FEED.getByName(relay.fleet);

const told = async (relay: RelayFixture): Promise<string[]> => (await eventsOf(relay)).filter((type) => type.startsWith("host."));

const facts = async (relay: RelayFixture) => (await feedOf(relay).present(relay.host))[0]?.facts;

/** The object's clock from now on, through what its alarm does then. */
const alarmAt = (relay: RelayFixture, nowMs: number): Promise<void> =>
  relay.inside(async (object) => {
    object.now = () => nowMs;
    await object.alarm();
  });

const alarmOf = (relay: RelayFixture): Promise<number | null> => relay.inside((_object, { storage }) => storage.getAlarm());

describe("a host that was killed just before the control plane", () => {
  test("[LK4] [F10] is unconfirmed for whoever asks first, and said to be, though it was seen a moment ago", async () => {
    const relay = relayFixture();
    await relay.host_([sessionInfo()]);
    await expect.poll(() => told(relay)).toEqual(["host.online"]);
    await relay.kill();
    expect(await relay.stub.status()).toMatchObject({ connected: false, presence: "stale" });
    await expect.poll(() => told(relay)).toEqual(["host.online", "host.stale"]);
    expect(await facts(relay)).toMatchObject({ connected: false, goneMs: expect.any(Number) as number });
    // Once, whatever happens to the object.
    await relay.evict();
    expect(await relay.stub.linked()).toBe(false);
    expect(await relay.stub.status()).toMatchObject({ connected: false, presence: "stale" });
    expect(await told(relay)).toEqual(["host.online", "host.stale"]);
  });

  test("[LK4] is told as stale by alarm when nobody asks, and as lost when its time is over", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    await relay.kill();
    // Something else wakes it.
    await relay.stub.rename("builder");
    const foundMs = Date.now();
    await expect.poll(() => alarmOf(relay)).not.toBeNull();
    const staleMs = (await alarmOf(relay)) ?? 0;
    expect(staleMs).toBeLessThanOrEqual(foundMs + ONLINE_FOR_MS);
    await relay.evict();
    await alarmAt(relay, staleMs);
    await expect.poll(() => told(relay)).toEqual(["host.online", "host.stale"]);
    const lostMs = (await alarmOf(relay)) ?? 0;
    expect(lostMs).toBeLessThanOrEqual(foundMs + STALE_FOR_MS);
    expect(lostMs).toBeGreaterThan(staleMs);
    await relay.evict();
    await alarmAt(relay, lostMs);
    await expect.poll(() => told(relay)).toEqual(["host.online", "host.stale", "host.lost"]);
  });

  test("[LK4] is online again, and said to be, to those who were shown otherwise", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    await relay.kill();
    await relay.stub.status();
    await relay.host_([]);
    await expect.poll(() => told(relay)).toEqual(["host.online", "host.stale", "host.online"]);
    expect(await facts(relay)).toMatchObject({ connected: true });
    expect((await facts(relay))?.goneMs).toBeUndefined();
    expect(await relay.stub.status()).toMatchObject({ connected: true, presence: "online" });
  });

  test("[LK5] nothing is told of one that is back before anybody looked", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    await relay.kill();
    await relay.host_([]);
    expect(await relay.stub.linked()).toBe(true);
    expect(await relay.stub.status()).toMatchObject({ connected: true, presence: "online" });
    expect(await told(relay)).toEqual(["host.online"]);
  });

  test("[F10] an eviction, which keeps sockets, confirms a host as before", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await relay.evict();
    expect(await relay.stub.status()).toMatchObject({ connected: true, presence: "online" });
    await host.pingPong();
    expect(await relay.stub.linked()).toBe(true);
    host.socket.close(4000, "cut");
    await expect.poll(() => relay.stub.linked()).toBe(false);
    // Its end was seen, so it is known how long it is silent.
    expect(await relay.stub.status()).toMatchObject({ connected: false, presence: "online" });
    expect((await facts(relay))?.goneMs).toBeUndefined();
  });
});
