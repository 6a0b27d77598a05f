/** Who the link is: its hello, and the epochs and nonces by which a second one is told from it. */
import { describe, expect, test } from "vitest";
import { helloOf, sessionInfo } from "./support/host-words.ts";
import { relayFixture } from "./support/relay-fixture.ts";
import { eventsOf, later, problemOf } from "./support/relay-talk.ts";

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
    await expect.poll(() => eventsOf(relay)).toEqual(["host.online", "session.created", "session.created", "session.removed"]);
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

describe("[LK2] epochs", () => {
  test("[LK2] a newer connection of the same process takes over: the old one closes 4409", async () => {
    const relay = relayFixture();
    const old = await relay.host_([], { epoch: { start: 1, connect: 1 } });
    await relay.evict();
    await relay.host_([], { epoch: { start: 1, connect: 2 } });
    expect(await old.closed).toEqual({ code: 4409, reason: "superseded" });
    expect(await problemOf(await relay.dial({ epoch: { start: 1, connect: 2 } }))).toEqual({ status: 409, code: "epoch_stale" });
    expect((await relay.stub.status()).connected).toBe(true);
  });

  test("[LK2] [F22] a copied identity locks itself: both are out, an alert is raised, an operator unlocks", async () => {
    const relay = relayFixture();
    const real = await relay.host_([], { epoch: { start: 5, connect: 1 } });
    await relay.evict();
    expect(await problemOf(await relay.dial({ epoch: { start: 5, connect: 1 }, instance: "instance-b" }))).toEqual({
      status: 403,
      code: "host_locked",
    });
    expect(await real.closed).toEqual({ code: 4403, reason: "host_locked" });
    await relay.evict();
    expect(await problemOf(await relay.dial({ epoch: { start: 9, connect: 1 } }))).toEqual({ status: 403, code: "host_locked" });
    await expect.poll(() => eventsOf(relay)).toContain("host.locked");
    await expect.poll(() => eventsOf(relay)).toContain("alert");
    expect((await relay.stub.status()).locked?.reason).toContain("the identity was copied");
    await relay.stub.unlock();
    await relay.host_([], { epoch: { start: 5, connect: 2 } });
  });

  test("[LK2] a process that was replaced and comes back locks the identity", async () => {
    const relay = relayFixture();
    await relay.host_([], { epoch: { start: 1, connect: 1 }, instance: "instance-a" });
    await relay.host_([], { epoch: { start: 2, connect: 1 }, instance: "instance-b" });
    await relay.evict();
    expect(await problemOf(await relay.dial({ epoch: { start: 3, connect: 1 }, instance: "instance-a" }))).toEqual({
      status: 403,
      code: "host_locked",
    });
  });

  test("[LK1] row 50: a nonce is taken once", async () => {
    const relay = relayFixture();
    await relay.dial({ nonce: "same-nonce-same-nonce" });
    await relay.evict();
    expect(await problemOf(await relay.dial({ nonce: "same-nonce-same-nonce" }))).toEqual({ status: 401, code: "nonce_replayed" });
  });
});
