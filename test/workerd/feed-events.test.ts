/** The Feed: numbering, following, resuming, closing; evicted between every step of each dialogue. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { EVENT_RING_ROWS } from "@maestro/shared/limits";
import type { Feed } from "../../control-plane/src/objects/feed.ts";
import { bootstrap, call, json, logIn, makeToken, ORIGIN, refusal, type Fleet } from "./access-fleet.ts";
import { Follower } from "./feed-sockets.ts";

let fleet: Fleet;
let feed: DurableObjectStub<Feed>;
beforeEach(async () => {
  fleet = await bootstrap();
  feed = env.FEED.getByName(fleet.id);
});

const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1" };
const follow = async (query = "", token = fleet.owner.token): Promise<Follower> =>
  new Follower(await call(`/api/v1/events${query}`, { token, headers: upgrade }));
const tell = (summary: string): Promise<number> => feed.append([{ type: "host.updated", subject: "hst_x", summary }]);
const evict = (): Promise<void> => evictDurableObject(feed);

describe("[EV1] following", () => {
  it("[F10] tells where it begins, then each event with the fleet's next number, across evictions", async () => {
    await tell("before");
    const follower = await follow();
    expect(await follower.next()).toEqual({ t: "hello", seq: 1 });
    for (const summary of ["one", "two", "three"]) {
      await evict();
      await tell(summary);
      expect(await follower.event()).toMatchObject({ type: "host.updated", subject: "hst_x", summary });
    }
    await evict();
    const { items } = await feed.events("0", 10);
    expect(items.map((item) => item.seq)).toEqual([1, 2, 3, 4]);
  });

  it("goes on after an event's id or sequence, then live, with nothing lost and nothing twice", async () => {
    await tell("one");
    await tell("two");
    await evict();
    const first = (await feed.events("0", 1)).items[0];
    for (const since of [first?.id ?? "", "1"]) {
      const follower = await follow(`?since=${since}`);
      expect(await follower.next()).toMatchObject({ t: "hello" });
      expect((await follower.event()).summary).toBe("two");
      follower.socket.close(1000);
    }
    const follower = await follow("?since=1");
    await follower.next();
    await evict();
    await tell("three");
    expect([(await follower.event()).summary, (await follower.event()).summary]).toEqual(["two", "three"]);
  });

  it("an event that left the ring, or never was, is a reset", async () => {
    await tell("one");
    const since = (await feed.events("0", 1)).items[0]?.id ?? "";
    await runInDurableObject(feed, (_, state) => {
      state.storage.sql.exec(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO events (seq, id, json) SELECT i, 'evt_' || i, '{}' FROM n",
        EVENT_RING_ROWS + 5,
      );
    });
    await evict();
    await tell("last");
    await evict();
    expect(await runInDurableObject(feed, (_, state) => state.storage.sql.exec("SELECT count(*) AS n FROM events").one()["n"])).toBe(
      EVENT_RING_ROWS,
    );
    for (const gone of [since, "evt_nonsense", "99999999"]) {
      const follower = await follow(`?since=${gone}`);
      expect(await follower.next()).toMatchObject({ t: "hello", seq: EVENT_RING_ROWS + 6 });
      expect(await follower.next()).toEqual({ t: "reset" });
      follower.socket.close(1000);
    }
  });

  it("[EV2] a summary is stripped of control characters and bounded", async () => {
    await tell(`a\u001b[31m\u202eb${"x".repeat(2000)}`);
    const { summary } = JSON.parse((await feed.events("0", 1)).items[0]?.json ?? "");
    expect(summary).toHaveLength(512);
    expect(summary.startsWith("a[31mb")).toBe(true);
  });

  it("ping is answered by the platform", async () => {
    const follower = await follow();
    await follower.next();
    await evict();
    follower.socket.send("ping");
    expect(await follower.next()).toEqual({ t: "pong" });
  });
});

describe("[VW1] [VW5] who may follow, and for how long", () => {
  it("a ticket opens one socket, once", async () => {
    const { headers, writeHeaders } = await logIn({ token: fleet.owner.token });
    const { ticket } = await json(call("/api/v1/tickets", { headers: writeHeaders, body: { feed: true } }));
    const offer = {
      upgrade: "websocket",
      "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`,
      origin: ORIGIN,
      cookie: headers["cookie"] ?? "",
    };
    const answer = await call("/api/v1/events", { headers: offer });
    expect(answer.headers.get("sec-websocket-protocol")).toBe("maestro.v1");
    expect(await new Follower(answer).next()).toMatchObject({ t: "hello" });
    await evict();
    await refusal(call("/api/v1/events", { headers: offer }), "ticket_used");
    await refusal(call("/api/v1/events", { headers: { ...offer, origin: "https://evil.example" } }), "origin_denied");
  });

  it("[VR1] the subprotocol must be offered", async () => {
    await refusal(call("/api/v1/events", { token: fleet.owner.token, headers: { upgrade: "websocket" } }), "subprotocol_invalid");
    await refusal(
      call("/api/v1/events", { token: fleet.owner.token, headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v2" } }),
      "subprotocol_invalid",
    );
  });

  it("revoking a token closes its sockets at once, and nobody else's", async () => {
    const { id, token } = await makeToken(fleet, { name: "laptop" });
    const mine = await follow("", token);
    const others = await follow();
    await evict();
    expect((await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token })).status).toBe(204);
    await mine.next();
    let frame = await mine.next();
    while (frame.t === "event") frame = await mine.next();
    expect(frame).toEqual({ t: "closed", code: 4401, reason: "credential" });
    await others.next();
    await tell("still here");
    let event = await others.event();
    while (event.type !== "host.updated") event = await others.event();
    expect(event.summary).toBe("still here");
  });

  it("revoking the token closes the sockets of the browser sessions it opened", async () => {
    const { id, token } = await makeToken(fleet, { name: "laptop" });
    const { writeHeaders } = await logIn({ token });
    const { ticket } = await json(call("/api/v1/tickets", { headers: writeHeaders, body: { feed: true } }));
    const follower = new Follower(
      await call("/api/v1/events", {
        headers: { upgrade: "websocket", "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN },
      }),
    );
    await follower.next();
    await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token });
    expect(await follower.next()).toMatchObject({ t: "closed", code: 4401 });
  });

  it("a changed role closes a member's sockets, to be opened anew with the new rights", async () => {
    const { member, login } = await json(call("/api/v1/members", { token: fleet.owner.token, body: { name: "bob", role: "operator" } }));
    const { writeHeaders } = await logIn({ link: login.url.split("#")[1] });
    const open = async (): Promise<Response> => {
      const { ticket } = await json(call("/api/v1/tickets", { headers: writeHeaders, body: { feed: true } }));
      return call("/api/v1/events", {
        headers: { upgrade: "websocket", "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN },
      });
    };
    const follower = new Follower(await open());
    await follower.next();
    await call(`/api/v1/members/${member.id}`, { method: "PATCH", token: fleet.owner.token, body: { role: "viewer" } });
    expect(await follower.next()).toMatchObject({ t: "closed", code: 1012 });
    // One that was on its way meanwhile had the old rights.
    await refusal(open(), "superseded");
    await runInDurableObject(feed, (_, state) => state.storage.sql.exec("UPDATE revoked SET until_ms = 0"));
    const again = new Follower(await open());
    expect(await again.next()).toMatchObject({ t: "hello" });
    again.socket.close(1000);
  });

  it("logout closes the session's sockets", async () => {
    const { writeHeaders } = await logIn({ token: fleet.owner.token });
    const { ticket } = await json(call("/api/v1/tickets", { headers: writeHeaders, body: { feed: true } }));
    const follower = new Follower(
      await call("/api/v1/events", {
        headers: { upgrade: "websocket", "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN },
      }),
    );
    await follower.next();
    await call("/api/v1/logout", { method: "POST", headers: writeHeaders });
    expect(await follower.next()).toMatchObject({ t: "closed", code: 4401 });
  });

  it("a socket that was on its way when its credential was revoked is refused", async () => {
    const { id, token } = await makeToken(fleet, { name: "laptop" });
    await feed.closeCredential(id);
    await evict();
    await refusal(call("/api/v1/events", { token, headers: upgrade }), "token_revoked");
  });

  it("a credential that ends by itself takes its sockets along", async () => {
    const { id, token } = await makeToken(fleet, { name: "short" });
    await env.DB.prepare("update tokens set expires_ms = ? where id = ?")
      .bind(Date.now() + 60_000, id)
      .run();
    const follower = await follow("", token);
    await follower.next();
    await runInDurableObject(feed, async (_, state) => {
      // The alarm is set for it.
      expect(await state.storage.getAlarm()).toBeLessThanOrEqual(Date.now() + 60_000);
      for (const socket of state.getWebSockets(id)) socket.serializeAttachment({ credential: id, expiresMs: 1 });
    });
    await evict();
    await runInDurableObject(feed, (object) => object.alarm());
    expect(await follower.next()).toMatchObject({ t: "closed", code: 4401 });
  });
});

describe("the Feed's alarm", () => {
  it("[F11] delivered twice, closes an expired socket once, keeps the others and looks again when the next one ends", async () => {
    const short = await makeToken(fleet, { name: "short" });
    const long = await makeToken(fleet, { name: "long", expiresInDays: 1 });
    const [ending, staying] = [await follow("", short.token), await follow("", long.token)];
    await ending.next();
    await staying.next();
    await runInDurableObject(feed, async (object, state) => {
      for (const socket of state.getWebSockets(short.id)) socket.serializeAttachment({ credential: short.id, expiresMs: 1 });
      await object.alarm();
      await object.alarm();
    });
    await evict();
    await runInDurableObject(feed, (object) => object.alarm());
    expect(await ending.next()).toMatchObject({ t: "closed", code: 4401 });
    await tell("after");
    expect((await staying.event()).summary).toBe("after");
    expect(await runInDurableObject(feed, (_, state) => state.storage.getAlarm())).toBeGreaterThan(Date.now());
  });
});

describe("[EV3] server-sent events", () => {
  const stream = async (
    query: string,
    headers: Record<string, string> = {},
  ): Promise<{ read(until: string): Promise<string>; cancel(): Promise<void> }> => {
    const answer = await call(`/api/v1/events${query}`, { token: fleet.owner.token, headers });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) throw new Error("no body");
    let text = "";
    return {
      async read(until) {
        while (!text.includes(until)) {
          const { value, done } = await reader.read();
          if (done) return text;
          text += value;
        }
        return text;
      },
      cancel: () => reader.cancel(),
    };
  };

  it("[F10] go on after Last-Event-ID and stream what happens, while the object is evicted", async () => {
    await tell("one");
    await tell("two");
    const [first, second] = (await feed.events("0", 2)).items;
    const events = await stream("", { "last-event-id": first?.id ?? "" });
    expect(await events.read("two")).toContain(`id: ${second?.id}\nevent: host.updated\ndata: {`);
    await evict();
    await tell("three");
    expect(await events.read("three")).not.toContain('"one"');
    await events.cancel();
  });

  it("end after `limit` events", async () => {
    const events = await stream("?limit=1&since=0");
    await tell("one");
    expect(await events.read("never")).toContain('"one"');
  });

  it("with follow=false give what is stored, and say reset when that is not all", async () => {
    await tell("one");
    const all = await (await call("/api/v1/events?follow=false", { token: fleet.owner.token })).text();
    expect(all).toContain('"summary":"one"');
    expect(await (await call("/api/v1/events?follow=false&since=evt_gone", { token: fleet.owner.token })).text()).toContain("event: reset");
  });

  it("with follow=false and no place to begin at give what happened last, in order", async () => {
    for (const one of ["one", "two", "three"]) await tell(one);
    const told = async (query: string) =>
      [
        ...(await (await call(`/api/v1/events?follow=false${query}`, { token: fleet.owner.token })).text()).matchAll(
          /"summary":"([^"]+)"/g,
        ),
      ].map(([, summary]) => summary);
    expect(await told("&limit=2")).toEqual(["two", "three"]);
    expect(await told("&limit=2&since=0")).not.toContain("three");
    expect((await told("")).slice(-3)).toEqual(["one", "two", "three"]);
  });
});

describe("present status", () => {
  const info = (id: string, title: string) => ({
    id,
    name: id,
    backend: "pty" as const,
    title,
    cwd: "/",
    command: "sh",
    cols: 80,
    rows: 24,
    createdMs: 1,
    lastActivityMs: 1,
    epoch: 1,
  });

  it("[F10] is merged from what each host's relay reports, across evictions", async () => {
    await feed.project("hst_a", {
      facts: { connected: true, lastSeenMs: 5, roots: ["/tmp"] },
      sessions: { replace: true, upsert: [info("ses_1", "a"), info("ses_2", "b")], removed: [] },
    });
    await evict();
    await feed.project("hst_a", {
      facts: { connected: false, locked: { reason: "twice", atMs: 9 } },
      sessions: { replace: false, upsert: [info("ses_1", "new")], removed: ["ses_2"] },
    });
    await feed.project("hst_b", { facts: {} });
    await evict();
    expect(await feed.present("hst_a")).toMatchObject([
      {
        host: "hst_a",
        facts: { connected: false, lastSeenMs: 5, roots: ["/tmp"], locked: { reason: "twice" } },
        sessions: [{ id: "ses_1", title: "new" }],
        types: [],
      },
    ]);
    await feed.project("hst_a", { facts: { locked: undefined } });
    expect((await feed.present()).map(({ host, facts }) => [host, facts.locked])).toEqual([
      ["hst_a", undefined],
      ["hst_b", undefined],
    ]);
    await feed.forget("hst_a");
    expect((await feed.present()).map(({ host }) => host)).toEqual(["hst_b"]);
  });
});
