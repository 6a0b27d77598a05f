/** The link of a HostRelay: its hello, its epochs, its requests and what presence is made of. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { FLAG } from "@maestro/shared/protocol/frame";
import { helloOf, relayFixture, sessionInfo, type FakeHost, type RelayFixture } from "./support/relay-fixture.ts";

const problem = async (response: Response): Promise<unknown> => ({
  status: response.status,
  code: (await response.json<{ code: string }>()).code,
});
const events = async (relay: RelayFixture): Promise<string[]> => {
  const { items } = await env.FEED.getByName(relay.fleet).events("0", 100);
  return items.map(({ type }) => type);
};
/** The object's clock, and its alarm at once. */
async function later(relay: RelayFixture, ms: number): Promise<void> {
  await relay.inside((instance) => {
    const at = instance.now() + ms;
    instance.now = () => at;
  });
  await runDurableObjectAlarm(relay.stub);
}

describe("[LK3] hello", () => {
  test("[LK3] [F10] a hello in pages is welcomed after the last, whatever is evicted between them", async () => {
    const relay = relayFixture();
    const sessions = Array.from({ length: 3 }, (_, i) => sessionInfo({ name: `s${i}` }));
    const link = await relay.link();
    await relay.evict();
    link.say(helloOf("instance-a", sessions.slice(0, 1), true));
    await link.pingPong();
    await relay.evict();
    link.say({ t: "hello-page", sessions: sessions.slice(1, 2), more: true });
    await link.pingPong();
    await relay.evict();
    link.say({ t: "hello-page", sessions: sessions.slice(2), more: false });
    expect(await link.next("welcome")).toMatchObject({ version: 1, hostName: "builder", registryVersion: 3, draining: false });
    const status = await relay.stub.status();
    expect(status.sessions.map(({ name }) => name).sort()).toEqual(["s0", "s1", "s2"]);
    expect(status).toMatchObject({ connected: true, presence: "online" });
  });

  test("[LK3] what a host does not name any more is gone, and said so", async () => {
    const relay = relayFixture();
    const [kept, lost] = [sessionInfo({ name: "kept" }), sessionInfo({ name: "lost" })];
    const first = await relay.host_([kept, lost]);
    const viewer = await relay.viewer(lost.id);
    await viewer.hello();
    first.socket.close(4000, "cut");
    await viewer.next("host");
    await relay.evict();
    await relay.host_([kept]);
    expect(await viewer.closed).toEqual({ code: 4404, reason: "session_not_found" });
    expect((await relay.stub.status()).sessions.map(({ name }) => name)).toEqual(["kept"]);
    await expect.poll(() => events(relay)).toEqual(["host.online", "session.created", "session.created", "session.removed"]);
  });

  test("[LK3] row 37: nothing said in 5 s → 4408 hello_timeout, on both kinds of socket", async () => {
    const relay = relayFixture();
    const session = sessionInfo();
    await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    const silent = await relay.link();
    await relay.evict();
    await later(relay, 6_000);
    expect(await silent.closed).toEqual({ code: 4408, reason: "hello_timeout" });
    expect(await viewer.closed).toEqual({ code: 4408, reason: "hello_timeout" });
  });
});

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
      .poll(async () => (await events(relay)).filter((type) => type.startsWith("session.")))
      .toEqual(["session.created", "session.created", "session.ended"]);
  });
});

describe("[LK2] epochs", () => {
  test("[LK2] a newer connection of the same process takes over: the old one closes 4409", async () => {
    const relay = relayFixture();
    const old = await relay.host_([], { epoch: { start: 1, connect: 1 } });
    await relay.evict();
    await relay.host_([], { epoch: { start: 1, connect: 2 } });
    expect(await old.closed).toEqual({ code: 4409, reason: "superseded" });
    expect(await problem(await relay.dial({ epoch: { start: 1, connect: 2 } }))).toEqual({ status: 409, code: "epoch_stale" });
    expect((await relay.stub.status()).connected).toBe(true);
  });

  test("[LK2] [F22] a copied identity locks itself: both are out, an alert is raised, an operator unlocks", async () => {
    const relay = relayFixture();
    const real = await relay.host_([], { epoch: { start: 5, connect: 1 } });
    await relay.evict();
    expect(await problem(await relay.dial({ epoch: { start: 5, connect: 1 }, instance: "instance-b" }))).toEqual({
      status: 403,
      code: "host_locked",
    });
    expect(await real.closed).toEqual({ code: 4403, reason: "host_locked" });
    await relay.evict();
    expect(await problem(await relay.dial({ epoch: { start: 9, connect: 1 } }))).toEqual({ status: 403, code: "host_locked" });
    await expect.poll(() => events(relay)).toContain("host.locked");
    await expect.poll(() => events(relay)).toContain("alert");
    expect((await relay.stub.status()).locked?.reason).toContain("the identity was copied");
    await relay.stub.unlock();
    await relay.host_([], { epoch: { start: 5, connect: 2 } });
  });

  test("[LK2] a process that was replaced and comes back locks the identity", async () => {
    const relay = relayFixture();
    await relay.host_([], { epoch: { start: 1, connect: 1 }, instance: "instance-a" });
    await relay.host_([], { epoch: { start: 2, connect: 1 }, instance: "instance-b" });
    await relay.evict();
    expect(await problem(await relay.dial({ epoch: { start: 3, connect: 1 }, instance: "instance-a" }))).toEqual({
      status: 403,
      code: "host_locked",
    });
  });

  test("[LK1] row 50: a nonce is taken once", async () => {
    const relay = relayFixture();
    await relay.dial({ nonce: "same-nonce-same-nonce" });
    await relay.evict();
    expect(await problem(await relay.dial({ nonce: "same-nonce-same-nonce" }))).toEqual({ status: 401, code: "nonce_replayed" });
  });
});

describe("[VR5] requests", () => {
  const detect = { t: "detect" } as const;

  async function answering(): Promise<{ relay: RelayFixture; host: FakeHost }> {
    const relay = relayFixture();
    return { relay, host: await relay.host_([]) };
  }

  test("[VR5] a request gets its one answer; a refusal passes through", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    const { id } = await host.next("detect");
    host.say({ t: "reply", id, value: { types: 4 } });
    expect(await asked).toEqual({ ok: true, json: '{"types":4}' });
    const refused = relay.stub.request({ t: "workspace.ensure", path: "/etc" });
    const second = await host.next("workspace.ensure");
    host.say({
      t: "reply-error",
      id: second["id"],
      error: { code: "path_outside_roots", detail: "'/etc' is outside.", field: "path", hint: "Use /tmp." },
    });
    expect(await refused).toEqual({
      ok: false,
      error: { code: "path_outside_roots", detail: "'/etc' is outside.", field: "path", hint: "Use /tmp." },
    });
  });

  test("[VR5] one that outlives its deadline is answered timeout", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    await host.next("detect");
    await later(relay, 16_000);
    expect(await asked).toMatchObject({ ok: false, error: { code: "timeout" } });
  });

  test("[VR5] with the host away it is refused at once, saying since when", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    await host.next("detect");
    host.socket.close(4000, "cut");
    expect(await asked).toMatchObject({ ok: false, error: { code: "host_unreachable" } });
    const refused = await relay.stub.request(detect);
    expect(refused).toMatchObject({ ok: false, error: { code: "host_unreachable" } });
    expect(JSON.stringify(refused)).toMatch(/Last seen \d{4}-/);
  });

  test("[VR3] a screen comes as blob frames and is handed on whole", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.screen("ses_x", "text");
    const { id, blob } = await host.next("session.screen");
    const text = new TextEncoder().encode("hello world");
    host.data("blob", text.subarray(0, 6), { channel: Number(blob), offset: 0 });
    host.data("blob", text.subarray(6), { channel: Number(blob), offset: 6, flags: FLAG.last });
    host.say({ t: "reply", id, value: { bytes: text.byteLength, epoch: 1, offset: 5, cols: 80, rows: 24 } });
    const screen = await asked;
    expect(screen.ok && new TextDecoder().decode(screen.bytes)).toBe("hello world");
  });
});

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
    await expect.poll(() => events(relay)).toEqual(["host.online", "host.stale", "host.lost", "host.online"]);
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
    await expect.poll(() => events(relay)).toEqual(["host.online", "host.stale", "host.online"]);
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
      .poll(() => events(relay))
      .toEqual(["host.online", "session.created", "session.updated", "session.ended", "session.removed"]);
  });

  test("[LK8] an inventory in pages replaces the one before", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const type = (slug: string): object => ({
      slug,
      adapter: "shell",
      source: "builtin",
      capabilities: [],
      detected: { state: "found", binary: "/bin/sh", version: "1" },
    });
    host.say({ t: "inventory", types: [type("a")], first: true, more: true });
    await host.pingPong();
    await relay.evict();
    host.say({ t: "inventory", types: [type("b")], first: false, more: false });
    await host.next("sync");
    expect((await relay.stub.status()).types.map(({ slug }) => slug)).toEqual(["a", "b"]);
    host.say({ t: "inventory", types: [type("c")], first: true, more: false });
    await host.pingPong();
    expect((await relay.stub.status()).types.map(({ slug }) => slug)).toEqual(["c"]);
  });

  test("[LK9] draining and the registry's version reach the host", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await relay.stub.setDraining(true);
    expect(await host.next("drain")).toMatchObject({ draining: true });
    await relay.stub.registryChanged(8);
    expect(await host.next("registry")).toMatchObject({ version: 8 });
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
