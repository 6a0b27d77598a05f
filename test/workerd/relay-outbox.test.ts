/** A relay whose Feed fails: nothing is lost, nothing is told twice, and the link notices nothing. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { LOCK_RETRY_MS } from "../../control-plane/src/objects/host-relay/host-lock.ts";
import { FEED_RETRY_MS, MAX_OUTBOX_EVENTS } from "../../control-plane/src/objects/host-relay/reporter.ts";
import { helloOf, sessionInfo } from "./support/host-words.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";
import { problemOf } from "./support/relay-talk.ts";

const feedOf = (relay: RelayFixture) => env.FEED.getByName(relay.fleet);

/** Its tables are gone: every call that writes throws, over the real RPC. */
async function breakFeed(relay: RelayFixture): Promise<void> {
  await runInDurableObject(feedOf(relay), (_feed, { storage }) => {
    storage.sql.exec("ALTER TABLE present_hosts RENAME TO away_hosts");
    storage.sql.exec("ALTER TABLE events RENAME TO away_events");
  });
}

async function mendFeed(relay: RelayFixture): Promise<void> {
  await runInDurableObject(feedOf(relay), (_feed, { storage }) => {
    storage.sql.exec("ALTER TABLE away_hosts RENAME TO present_hosts");
    storage.sql.exec("ALTER TABLE away_events RENAME TO events");
  });
}

async function told(relay: RelayFixture): Promise<string[]> {
  const { items } = await feedOf(relay).events("0", 2 * MAX_OUTBOX_EVENTS);
  return items.map(({ json }) => {
    const { type, subject } = JSON.parse(json) as { type: string; subject: string };
    return `${type} ${subject}`;
  });
}

const kept = (relay: RelayFixture): Promise<number> =>
  relay.inside((_relay, { storage }) => storage.sql.exec<{ count: number }>("SELECT count(*) AS count FROM outbox").one().count);

/** The alarm as the platform delivers it, when `ms` have passed. */
const alarmAfter = (relay: RelayFixture, ms: number): Promise<void> =>
  relay.inside(async (object) => {
    object.now = () => Date.now() + ms;
    await object.alarm();
  });

describe("a Feed that fails", () => {
  test("[F10] is told by alarm what happened meanwhile, in order and once, though the relay was evicted", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await expect.poll(() => told(relay)).toEqual([`host.online ${relay.host}`]);
    await breakFeed(relay);
    const [one, two] = [sessionInfo({ name: "one" }), sessionInfo({ name: "two" })];
    host.say({ t: "sessions", upsert: [one], removed: [] });
    host.say({ t: "sessions", upsert: [two], removed: [] });
    await expect.poll(() => kept(relay)).toBe(2);
    expect((await relay.stub.status()).sessions).toHaveLength(2);
    await relay.evict();

    // The Feed is still away: nothing is lost by trying.
    await alarmAfter(relay, FEED_RETRY_MS + 1);
    expect(await kept(relay)).toBe(2);

    await mendFeed(relay);
    await relay.evict();
    await alarmAfter(relay, 2 * FEED_RETRY_MS + 2);
    const all = [`host.online ${relay.host}`, `session.created ${one.id}`, `session.created ${two.id}`];
    expect(await told(relay)).toEqual(all);
    expect(await kept(relay)).toBe(0);
    const [present] = await feedOf(relay).present(relay.host);
    expect(present?.sessions.map(({ name }) => name).sort()).toEqual(["one", "two"]);

    host.say({ t: "sessions", upsert: [], removed: [one.id] });
    await expect.poll(() => told(relay)).toEqual([...all, `session.removed ${one.id}`]);
  });

  test("costs a bounded outbox: the newest are kept", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    await breakFeed(relay);
    const sessions = Array.from({ length: MAX_OUTBOX_EVENTS + 20 }, () => sessionInfo());
    for (let at = 0; at < sessions.length; at += 52) host.say({ t: "sessions", upsert: sessions.slice(at, at + 52), removed: [] });
    await expect.poll(() => kept(relay)).toBe(MAX_OUTBOX_EVENTS);
    await mendFeed(relay);
    await alarmAfter(relay, FEED_RETRY_MS + 1);
    expect((await told(relay)).slice(1)).toEqual(sessions.slice(20).map(({ id }) => `session.created ${id}`));
  });
});

describe("a Feed that answers", () => {
  test("[LK3] is told all of a hello that makes more events than are kept while it is away, and what follows at once", async () => {
    const relay = relayFixture();
    const sessions = Array.from({ length: MAX_OUTBOX_EVENTS + 20 }, () => sessionInfo());
    const link = await relay.link();
    link.say(helloOf("instance-a", [], true));
    for (let at = 0; at < sessions.length; at += 52) {
      link.say({ t: "hello-page", sessions: sessions.slice(at, at + 52), more: at + 52 < sessions.length });
    }
    // In the same breath: what the hello has to tell is still in the outbox.
    const last = sessionInfo();
    link.say({ t: "sessions", upsert: [last], removed: [] });
    await expect.poll(() => told(relay)).toContain(`session.created ${last.id}`);
    expect(await told(relay)).toEqual([`host.online ${relay.host}`, ...[...sessions, last].map(({ id }) => `session.created ${id}`)]);
    await expect.poll(() => kept(relay)).toBe(0);
  });
});

describe("a database that fails", () => {
  const hostRow = (relay: RelayFixture) =>
    env.DB.prepare("SELECT locked_reason AS reason FROM hosts WHERE id = ?").bind(relay.host).first<{ reason: string | null }>();

  async function lockedWhileAway(): Promise<RelayFixture> {
    const relay = relayFixture();
    await env.DB.prepare(
      "INSERT INTO hosts (id, fleet, name, transport, labels, signing_key, sealing_key, created_ms, updated_ms) VALUES (?, ?, 'builder', 'link', '{}', '', '', 0, 0)",
    )
      .bind(relay.host, relay.fleet)
      .run();
    await env.DB.prepare("CREATE TRIGGER away BEFORE UPDATE ON hosts BEGIN SELECT RAISE(ABORT, 'away'); END").run();
    await relay.host_([], { epoch: { start: 5, connect: 1 } });
    expect(await problemOf(await relay.dial({ epoch: { start: 5, connect: 1 }, instance: "instance-b" }))).toMatchObject({ status: 403 });
    await expect.poll(() => told(relay)).toContain(`host.locked ${relay.host}`);
    await relay.evict();
    await alarmAfter(relay, LOCK_RETRY_MS + 1);
    expect(await hostRow(relay)).toEqual({ reason: null });
    await env.DB.prepare("DROP TRIGGER away").run();
    return relay;
  }

  test("[LK2] [F10] hears of a lock by alarm, though the relay was evicted", async () => {
    const relay = await lockedWhileAway();
    await alarmAfter(relay, 2 * LOCK_RETRY_MS + 2);
    expect((await hostRow(relay))?.reason).toContain("copied");
    // And it is not tried again.
    const waiting = await relay.inside((_relay, { storage }) =>
      storage.sql.exec("SELECT 1 FROM state WHERE key = 'lockRetryMs'").toArray(),
    );
    expect(waiting).toEqual([]);
  });

  test("[LK2] [F10] does not hear of a lock that was undone meanwhile, and it stays undone", async () => {
    const relay = await lockedWhileAway();
    await relay.stub.unlock();
    await relay.evict();
    await alarmAfter(relay, 2 * LOCK_RETRY_MS + 2);
    expect(await hostRow(relay)).toEqual({ reason: null });
    await relay.evict();
    await relay.host_([], { epoch: { start: 5, connect: 1 } });
  });
});

describe("a process that ends before the Feed was told", () => {
  test("[F10] leaves what it had to tell: it is written with what happened", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    const session = sessionInfo();
    const waiting = await relay.inside((object, state) => {
      const [link] = state.getWebSockets("link");
      if (link === undefined) throw new Error("no link");
      object.webSocketMessage(link, JSON.stringify({ t: "sessions", upsert: [session], removed: [] }));
      // Nobody has been waited for yet.
      return state.storage.sql.exec<{ json: string }>("SELECT json FROM outbox").toArray();
    });
    expect(waiting).toHaveLength(1);
    await expect.poll(() => told(relay)).toHaveLength(2);
    await expect.poll(() => kept(relay)).toBe(0);

    // As that process would have left it.
    const [{ json } = { json: "" }] = waiting;
    await relay.inside((_object, { storage }) => void storage.sql.exec("INSERT INTO outbox (json) VALUES (?)", json));
    await relay.evict();
    await relay.stub.linked();
    await alarmAfter(relay, 1);
    expect(await told(relay)).toEqual([`host.online ${relay.host}`, `session.created ${session.id}`, `session.created ${session.id}`]);
    expect(await kept(relay)).toBe(0);
  });
});

describe("an alarm that is delivered twice", () => {
  test("[F11] tells the fleet once what a relay kept, ends a silent socket once, and leaves the others", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    const host = await relay.host_([session]);
    await expect.poll(() => told(relay)).toHaveLength(2);
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    const silent = await relay.viewer(session.id);
    await breakFeed(relay);
    host.say({ t: "sessions", upsert: [{ ...session, end: { reason: "exited", code: 0, atMs: 1 } }], removed: [] });
    await expect.poll(() => kept(relay)).toBe(1);
    await mendFeed(relay);

    await alarmAfter(relay, FEED_RETRY_MS + 1);
    await alarmAfter(relay, FEED_RETRY_MS + 1);
    await relay.evict();
    await alarmAfter(relay, FEED_RETRY_MS + 1);
    expect(await silent.closed).toEqual({ code: 4408, reason: "hello_timeout" });
    expect(silent.texts.filter(({ t }) => t === "error")).toHaveLength(1);
    expect((await told(relay)).slice(2)).toEqual([`session.ended ${session.id}`]);
    await viewer.pingPong();
    await host.pingPong();
  });

  test("[F11] tells a change of presence once", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    host.socket.close(4000, "cut");
    await expect.poll(async () => (await relay.stub.status()).connected).toBe(false);
    for (let i = 0; i < 3; i++) await alarmAfter(relay, 46_000);
    await evictDurableObject(relay.stub);
    await alarmAfter(relay, 46_000);
    await expect.poll(() => told(relay)).toEqual([`host.online ${relay.host}`, `host.stale ${relay.host}`]);
  });

  test("[F11] set by no one does nothing", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await expect.poll(() => told(relay)).toHaveLength(1);
    await alarmAfter(relay, 0);
    await alarmAfter(relay, 0);
    await host.pingPong();
    expect(await told(relay)).toHaveLength(1);
    expect(await runDurableObjectAlarm(relay.stub)).toBe(false);
  });
});
