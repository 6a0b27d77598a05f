/** What followers of a fleet's events may cost: how many, how far behind, how silent, how talkative. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import {
  CONTROL_MESSAGES_BURST,
  EVENT_REPLAY_ROWS,
  FOLLOWER_SILENT_MS,
  FOLLOWER_UNCONFIRMED_EVENTS,
  MAX_CONTROL_BYTES,
} from "@maestro/shared/limits";
import { MAX_FOLLOWERS } from "../../control-plane/src/objects/feed-followers.ts";
import type { Feed } from "../../control-plane/src/objects/feed.ts";
import { bootstrap, call, joinHost, makeToken, refusal, type Fleet } from "./access-fleet.ts";
import { Follower } from "./feed-sockets.ts";

let fleet: Fleet;
let feed: DurableObjectStub<Feed>;
beforeEach(async () => {
  fleet = await bootstrap();
  feed = env.FEED.getByName(fleet.id);
});

const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1" };
const dial = (query = ""): Promise<Response> => call(`/api/v1/events${query}`, { token: fleet.owner.token, headers: upgrade });
const follow = async (query = ""): Promise<Follower> => new Follower(await dial(query));
const tell = (...summaries: string[]): Promise<number> =>
  feed.append(summaries.map((summary) => ({ type: "host.updated", subject: "hst_x", summary })));
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);
/** The object's clock, until it is evicted. */
const later = (ms: number): Promise<void> =>
  runInDurableObject(feed, (instance) => {
    const at = instance.now() + ms;
    instance.now = () => at;
  });

/** As many as there are frames before its end. */
async function ending(follower: Follower): Promise<{ events: number; code: number }> {
  for (let events = 0; ; events++) {
    const frame = await follower.next();
    if (frame.t === "closed") return { events, code: frame.code };
  }
}

describe("[EV1] what a follower missed", () => {
  test("is sent while it is at most EVENT_REPLAY_ROWS events; more are a reset, and can be read in pages", async () => {
    await tell("first", ...many(EVENT_REPLAY_ROWS));
    await evictDurableObject(feed);
    const near = await follow("?since=1");
    await near.next();
    for (let i = 0; i < EVENT_REPLAY_ROWS; i++) expect((await near.event()).summary).toBe(`n${i}`);
    const far = await follow("?since=0");
    expect([await far.next(), await far.next()]).toEqual([{ t: "hello", seq: EVENT_REPLAY_ROWS + 1 }, { t: "reset" }]);
    await tell("live");
    for (const follower of [near, far]) expect((await follower.event()).summary).toBe("live");
    expect(await feed.events("0", 2)).toMatchObject({ reset: false, items: [{ seq: 1 }, { seq: 2 }] });
  });

  test("is what its credential reaches: however much happened elsewhere, that is no reset", async () => {
    const host = await joinHost(fleet, "builder");
    await tell(...many(EVENT_REPLAY_ROWS + 1));
    const { token } = await makeToken(fleet, { name: "limited", hosts: "build*" });
    const limited = new Follower(await call("/api/v1/events?since=0", { token, headers: upgrade }));
    expect(await limited.next()).toMatchObject({ t: "hello" });
    expect(await limited.event()).toMatchObject({ subject: host.id });
  });
});

describe("[EV1] a follower is let go", () => {
  test("that pinged and has been silent for long; one that never pings is not, and nobody who pings", async () => {
    const [silent, quiet] = [await follow(), await follow()];
    await silent.next();
    await quiet.next();
    silent.socket.send("ping");
    expect(await silent.next()).toEqual({ t: "pong" });
    await evictDurableObject(feed);
    await later(FOLLOWER_SILENT_MS - 5_000);
    await tell("in time");
    for (const follower of [silent, quiet]) expect((await follower.event()).summary).toBe("in time");
    await later(6_000);
    const fresh = await follow();
    expect(await ending(silent)).toEqual({ events: 0, code: 1012 });
    expect(await feed.followers()).toBe(2);
    await tell("on");
    expect((await quiet.event()).summary).toBe("on");
    fresh.socket.close(1000);
  });

  test("to whom more was told since its last sign of life than may be on its way", async () => {
    const [deaf, alive] = [await follow(), await follow()];
    await deaf.next();
    await alive.next();
    await later(1);
    for (let told = 0; told < FOLLOWER_UNCONFIRMED_EVENTS; told += 500) await tell(...many(500));
    alive.socket.send("ping");
    let frame = await alive.next();
    while (frame.t !== "pong") frame = await alive.next();
    await tell("one more", "and another");
    expect([(await alive.event()).summary, (await alive.event()).summary]).toEqual(["one more", "and another"]);
    await tell("after");
    expect((await alive.event()).summary).toBe("after");
    expect((await ending(deaf)).code).toBe(4429);
  });

  test("that says more than it may, or more at once; newer words are ignored", async () => {
    const [talker, wordy, newer] = [await follow(), await follow(), await follow()];
    for (const follower of [talker, wordy, newer]) await follower.next();
    await evictDurableObject(feed);
    // Time stands still: nothing is allowed anew.
    await later(0);
    newer.socket.send('{"t":"later"}');
    for (let i = 0; i < CONTROL_MESSAGES_BURST + 1; i++) talker.socket.send("{}");
    wordy.socket.send("x".repeat(MAX_CONTROL_BYTES + 1));
    expect((await ending(talker)).code).toBe(4429);
    expect((await ending(wordy)).code).toBe(4413);
    await tell("still here");
    expect((await newer.event()).summary).toBe("still here");
  });
});

test("there are at most MAX_FOLLOWERS; one that was closed and never says so takes nobody's place", async () => {
  await runInDurableObject(feed, (instance, state) => {
    for (let i = 0; i < MAX_FOLLOWERS; i++) {
      const { 1: server } = new WebSocketPair();
      state.acceptWebSocket(server, [i === 0 ? "tok_gone" : "tok_x"]);
      server.serializeAttachment({ credential: "tok_x", expiresMs: instance.now() + 60_000, acceptedMs: instance.now() });
    }
  });
  expect((await refusal(dial(), "too_many_viewers")).detail).toContain(String(MAX_FOLLOWERS));
  await feed.closeCredential("tok_gone");
  expect(await feed.followers()).toBe(MAX_FOLLOWERS - 1);
  const follower = await follow();
  expect(await follower.next()).toMatchObject({ t: "hello" });
  await refusal(dial(), "too_many_viewers");
});
