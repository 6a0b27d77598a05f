/** What a host says on its link, and what the fleet and the host itself are told. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { Inventory } from "../../control-plane/src/objects/host-relay/inventory.ts";
import { SessionBook } from "../../control-plane/src/objects/host-relay/session-book.ts";
import { UPGRADE_MS } from "../../control-plane/src/objects/host-relay/upgrades.ts";
import { UPDATE_EVERY_MS } from "../../control-plane/src/domain/relay/session-change.ts";
import { MAX_KNOWN_TYPES } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { helloOf, sessionInfo, typeReport } from "./support/host-words.ts";
import { relayFixture, socketOf } from "./support/relay-fixture.ts";
import { FrameSocket } from "./support/relay-frames.ts";
import { eventsOf, later } from "./support/relay-talk.ts";

describe("[LK7] a redial", () => {
  test("[LK7] restates what is: what happened meanwhile is told once, and what is watched is asked for again", async () => {
    const relay = relayFixture();
    const [stays, ends] = [sessionInfo({ name: "stays" }), sessionInfo({ name: "ends" })];
    const first = await relay.host_([stays, ends]);
    const viewer = await relay.viewer(stays.id);
    await viewer.hello();
    await first.next("watch");
    first.socket.close(4000, "cut");
    await viewer.next("host");
    const ended = { ...ends, end: { reason: "exited" as const, code: 0, atMs: Date.now() } };
    const second = await relay.host_([stays, ended]);
    expect(await second.next("watch")).toMatchObject({ session: stays.id });
    // Said again, control that was said before changes nothing.
    for (let i = 0; i < 3; i++) second.say({ t: "sessions", upsert: [ended, stays], removed: ["ses_gone"] });
    await relay.evict();
    second.say({ t: "sessions", upsert: [ended], removed: [] });
    await second.pingPong();
    const third = await relay.host_([stays, ended]);
    expect(await third.next("watch")).toMatchObject({ session: stays.id });
    await expect
      .poll(async () => (await eventsOf(relay)).filter((type) => type.startsWith("session.")))
      .toEqual(["session.created", "session.created", "session.ended"]);
  });
});

describe("what the fleet has not been told yet", () => {
  const titled = (session: SessionInfo, title: string): SessionInfo => ({ ...session, title });

  test("[LK3] [F10] of a hello in pages is told with its last one, though the relay was evicted in between", async () => {
    const relay = relayFixture();
    const [stays, changes, ends, gone] = [sessionInfo(), sessionInfo(), sessionInfo(), sessionInfo()];
    const first = await relay.host_([stays, changes, ends, gone]);
    await expect.poll(() => eventsOf(relay)).toHaveLength(5);
    first.socket.close(4000, "cut");
    await expect.poll(() => relay.stub.linked()).toBe(false);
    const link = await relay.link();
    const fresh = sessionInfo();
    link.say(helloOf("instance-a", [fresh, titled(changes, "new")], true));
    await link.pingPong();
    await relay.inside(() => undefined);
    await relay.evict();
    link.say({ t: "hello-page", sessions: [{ ...ends, end: { reason: "exited", code: 0, atMs: Date.now() } }], more: true });
    await link.pingPong();
    await relay.inside(() => undefined);
    await relay.evict();
    link.say({ t: "hello-page", sessions: [stays], more: false });
    await link.next("welcome");
    await expect
      .poll(async () => (await eventsOf(relay)).slice(5).sort())
      .toEqual(["session.created", "session.ended", "session.removed", "session.updated"]);
    const again = await relay.host_([stays, titled(changes, "new"), { ...ends, end: { reason: "exited", code: 0, atMs: 1 } }, fresh]);
    await again.pingPong();
    expect(await eventsOf(relay)).toHaveLength(9);
  });

  test("[EV1] [F10] a change that waits for its coarse time is told by alarm, and stands, though the relay was evicted", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    const host = await relay.host_([session]);
    const say = (title: string): void => host.say({ t: "sessions", upsert: [titled(session, title)], removed: [] });
    say("told at once");
    await expect.poll(() => eventsOf(relay)).toHaveLength(3);
    say("waits");
    await host.pingPong();
    const rows = await relay.inside((_object, { storage }) => {
      const [row] = storage.sql.exec<{ json: string }>("SELECT json FROM sessions").toArray();
      return row?.json;
    });
    expect(rows).toContain("waits");
    await relay.evict();
    expect((await relay.stub.status()).sessions).toMatchObject([{ title: "waits" }]);
    expect(await eventsOf(relay)).toHaveLength(3);
    await later(relay, UPDATE_EVERY_MS + 1);
    await expect.poll(() => eventsOf(relay)).toEqual(["host.online", "session.created", "session.updated", "session.updated"]);
    const [present] = await env.FEED.getByName(relay.fleet).present(relay.host);
    expect(present?.sessions).toMatchObject([{ title: "waits" }]);
    // And once.
    await relay.evict();
    await later(relay, 2 * UPDATE_EVERY_MS);
    expect(await eventsOf(relay)).toHaveLength(4);
  });

  test("[EV1] that a session was opened is not lost when it changes before that was told", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    const session = sessionInfo();
    const events = await relay.inside((_object, { storage }) => {
      const made: string[] = [];
      const book = new SessionBook(new Inventory(storage.sql), {
        nowMs: () => Date.now(),
        scale: 1,
        rearm: () => undefined,
        tell: (_update, news) => void made.push(...news.map(({ type }) => type)),
        updated: () => undefined,
        removed: () => undefined,
      });
      book.page([session], 1);
      book.apply([titled(session, "new")], [], 1);
      return made;
    });
    expect(events).toEqual(["session.created"]);
  });

  test("[EV1] a title that spins costs a bounded number of rows", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    await relay.host_([session]);
    const written = await relay.inside((object, state) => {
      const [link] = state.getWebSockets("link");
      if (link === undefined) throw new Error("no link");
      const spin = (i: number): void =>
        object.webSocketMessage(link, JSON.stringify({ t: "sessions", upsert: [titled(session, `spin ${i}`)], removed: [] }));
      const count = (): number => state.storage.sql.exec<{ count: number }>("SELECT total_changes() AS count").one().count;
      spin(0);
      spin(1);
      const before = count();
      for (let i = 2; i < 100; i++) spin(i);
      return count() - before;
    });
    expect(written).toBe(0);
  });
});

describe("sessions and types", () => {
  test("[EV1] what changes is told once; a spinning title at a coarse rate only", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    const host = await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    for (let i = 0; i < 20; i++) host.say({ t: "sessions", upsert: [{ ...session, title: `spin ${i}` }], removed: [] });
    expect(await viewer.next("session", (frame) => JSON.stringify(frame).includes("spin 19"))).toBeDefined();
    host.say({ t: "sessions", upsert: [{ ...session, title: "done", end: { reason: "exited", code: 3, atMs: Date.now() } }], removed: [] });
    await viewer.next("session", (frame) => JSON.stringify(frame).includes("exited"));
    host.say({ t: "sessions", upsert: [], removed: [session.id] });
    expect(await viewer.closed).toEqual({ code: CLOSE.notFound, reason: "session_not_found" });
    await expect
      .poll(() => eventsOf(relay))
      .toEqual(["host.online", "session.created", "session.updated", "session.ended", "session.removed"]);
  });

  test("[LK8] an inventory in pages replaces the one before", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    host.say({ t: "inventory", types: [typeReport("a")], first: true, more: true });
    await host.pingPong();
    await relay.evict();
    host.say({ t: "inventory", types: [typeReport("b")], first: false, more: false });
    await host.next("sync");
    expect((await relay.stub.status()).types.map(({ slug }) => slug)).toEqual(["a", "b"]);
    host.say({ t: "inventory", types: [typeReport("c")], first: true, more: false });
    await host.pingPong();
    expect((await relay.stub.status()).types.map(({ slug }) => slug)).toEqual(["c"]);
  });

  test("[LK8] a change that only an earlier page holds is told, though the relay was evicted in between, and once", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const tell = async (version: string): Promise<void> => {
      const detected = { state: "found", binary: "/bin/a", version };
      host.say({ t: "inventory", types: [typeReport("a", { detected })], first: true, more: true });
      await host.pingPong();
      await relay.inside(() => undefined);
      await relay.evict();
      host.say({ t: "inventory", types: [typeReport("b")], first: false, more: false });
      await host.pingPong();
      await relay.inside(() => undefined);
    };
    const changes = async (): Promise<number> => (await eventsOf(relay)).filter((type) => type === "types.changed").length;
    await tell("1");
    await expect.poll(changes).toBe(1);
    await tell("2");
    await expect.poll(changes).toBe(2);
    await tell("2");
    await relay.stub.linked();
    expect(await changes()).toBe(2);
    const [present] = await env.FEED.getByName(relay.fleet).present(relay.host);
    expect(present?.types).toMatchObject([{ slug: "a", detected: { version: "2" } }, { slug: "b" }]);
  });

  test("a host that invents types without end fills neither its object nor the fleet's list", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const count = (): Promise<number> => relay.inside((_object, { storage }) => storage.sql.exec("SELECT 1 FROM types").toArray().length);
    const page = (round: number): object[] => Array.from({ length: 100 }, (_, i) => typeReport(`type-${round}-${i}`));
    for (let round = 0; round < 7; round++) host.say({ t: "inventory", types: page(round), first: round === 0, more: true });
    // And with pages that are each the first.
    for (let round = 7; round < 9; round++) host.say({ t: "inventory", types: page(round), first: true, more: true });
    await host.pingPong();
    await expect.poll(count).toBe(MAX_KNOWN_TYPES);
    host.say({ t: "inventory", types: [typeReport("type-0-0"), typeReport("new")], first: true, more: false });
    host.say({ t: "inventory", types: [typeReport("type-0-0"), typeReport("new")], first: true, more: false });
    await expect.poll(async () => (await relay.stub.status()).types.map(({ slug }) => slug)).toEqual(["new", "type-0-0"]);
  });

  test("[LK9] draining and the registry's version reach the host", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await relay.stub.setDraining(true);
    expect(await host.next("drain")).toMatchObject({ draining: true });
    await relay.stub.registryChanged(8);
    expect(await host.next("registry")).toMatchObject({ version: 8 });
  });

  test("[LK9] [F10] an upgrade whose host was read before it was told to drain does not take that back", async () => {
    const relay = relayFixture();
    const dial = async (draining: boolean): Promise<unknown> => {
      const link = new FrameSocket(socketOf(await relay.dial({}, { draining })));
      link.say(helloOf("instance-a", []));
      return (await link.next("welcome"))["draining"];
    };
    expect(await dial(false)).toBe(false);
    await relay.stub.setDraining(true);
    await relay.evict();
    expect(await dial(false)).toBe(true);
    // A later one knows better: it may be this object that was not told.
    await relay.inside((object) => {
      object.now = () => Date.now() + UPGRADE_MS + 1;
    });
    expect(await dial(false)).toBe(false);
  });

  test("[LK9] of a burst of changes that overtake each other the newest stands, and an absent host costs no row", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    for (const version of [6, 5, 6, 4]) await relay.stub.registryChanged(version);
    await relay.stub.setDraining(true);
    await host.next("drain");
    expect(host.texts.filter(({ t }) => t === "registry")).toEqual([{ t: "registry", version: 6 }]);
    host.socket.close(4000, "cut");
    await expect.poll(() => relay.stub.linked()).toBe(false);
    await relay.stub.registryChanged(7);
    const stored = await relay.inside((_object, { storage }) => storage.sql.exec("SELECT json FROM state WHERE key = 'registry'").one());
    expect(stored).toEqual({ json: "6" });
  });

  test("a removed host's object closes everything and forgets", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    const host = await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await relay.stub.retire();
    expect(await host.closed).toMatchObject({ code: 4401 });
    expect(await viewer.closed).toMatchObject({ code: 4404, reason: "host_not_found" });
    expect(await relay.stub.status()).toMatchObject({ connected: false, presence: "never", sessions: [] });
    // Signed and admitted by the Worker a moment before.
    await relay.evict();
    expect(await (await relay.dial()).json()).toMatchObject({ code: "host_unknown" });
    expect(await (await relay.watch(session.id)).json()).toMatchObject({ code: "host_not_found" });
  });

  test("a host that invents sessions without end fills neither its object nor the fleet's list", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    for (let page = 0; page < 12; page++) {
      host.say({ t: "sessions", upsert: Array.from({ length: 100 }, () => sessionInfo()), removed: [] });
    }
    await host.pingPong();
    await expect.poll(async () => (await relay.stub.status()).sessions.length).toBe(1000);
    const [known] = (await relay.stub.status()).sessions;
    host.say({ t: "sessions", upsert: [{ ...known, title: "goes on" }, sessionInfo()], removed: [] });
    await expect.poll(async () => (await relay.stub.status()).sessions.some(({ title }) => title === "goes on")).toBe(true);
    expect((await relay.stub.status()).sessions).toHaveLength(1000);
  });
});
