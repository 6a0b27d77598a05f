/** Viewers of a HostRelay, evicted between every step of each dialogue. */
import { describe, expect, test } from "vitest";
import { SNAPSHOT_MAX_BYTES, VIEWER_SILENT_MS, VIEWER_STALLED_MS } from "@maestro/shared/limits";
import { FLAG } from "@maestro/shared/protocol/frame";
import type { FakeViewer } from "./support/fake-viewer.ts";
import { sessionInfo } from "./support/host-words.ts";
import { FrameSocket } from "./support/relay-frames.ts";
import { relayFixture, socketOf } from "./support/relay-fixture.ts";
import { later } from "./support/relay-talk.ts";

describe.each([
  ["a relay that is kept in memory", false],
  ["[F10] a relay that is evicted between any two steps", true],
])("%s", (_name, evicting) => {
  async function setup() {
    const session = sessionInfo();
    const relay = relayFixture();
    const pause = async (): Promise<void> => {
      if (evicting) await relay.evict();
    };
    const host = await relay.host_([session]);
    await pause();
    return { session, relay, host, pause };
  }

  test("[CH4] a viewer that joins during output misses nothing and sees nothing twice", async () => {
    const { session, relay, host, pause } = await setup();
    host.write(1000);
    const viewer = await relay.viewer(session.id);
    await pause();
    const welcome = await viewer.hello({ cols: 100, rows: 30 });
    expect(welcome).toMatchObject({
      version: 1,
      canWrite: true,
      session: { id: session.id },
      host: { id: relay.host, name: "builder", connected: true },
    });
    await viewer.reaches(1000);
    expect(viewer.screen).toBe("screen@1000");
    for (let i = 1; i <= 5; i++) {
      await pause();
      host.write(5000);
      await viewer.reaches(1000 + 5000 * i);
    }
    expect(viewer.shown).toBe(25_000);
  });

  test("[CH6] input of the writer is applied in order, once", async () => {
    const { session, relay, host, pause } = await setup();
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await viewer.reaches(0);
    for (const text of ["l", "s", "\r"]) {
      await pause();
      viewer.type(text);
    }
    await host.until(() => host.inputs.length === 3, "three inputs");
    expect(host.inputs.map(({ text }) => text).join("")).toBe("ls\r");
  });

  test("[VW6] a viewer that redials with its offset gets only what it missed", async () => {
    const { session, relay, host, pause } = await setup();
    const first = await relay.viewer(session.id);
    await pause();
    const { resume } = await first.hello();
    const other = await relay.viewer(session.id, { credential: "tok_other", name: "bob" });
    await pause();
    await other.hello();
    await other.reaches(0);
    await first.reaches(0);
    await pause();
    host.write(3000);
    await first.reaches(3000);
    await pause();
    const from = first.cursor;
    first.socket.close(4000, "cut");
    await other.next("pen", (frame) => frame["viewers"] === 1);
    await pause();
    host.write(70_000);
    await other.reaches(73_000);
    await pause();
    const again = await relay.viewer(session.id);
    await pause();
    await again.hello({ from, resume });
    await again.next("resumed", (frame) => frame["offset"] === 3000);
    await again.reaches(73_000);
    expect(again.shown).toBe(70_000);
    expect(again.screen).toBe("");
  });

  test("[VW6] [CH5] what left the ring meanwhile is told as a gap with exact offsets and a fresh screen", async () => {
    const { session, relay, host, pause } = await setup();
    const keeper = await relay.viewer(session.id);
    await keeper.hello();
    await keeper.reaches(0);
    await pause();
    host.write(9000);
    await keeper.reaches(9000);
    host.ringStart = 5000;
    await pause();
    const late = await relay.viewer(session.id, { credential: "tok_other" });
    await pause();
    await late.hello({ from: { epoch: 1, offset: 2000 } });
    expect(await late.next("gap")).toMatchObject({ epoch: 1, from: 2000, to: 9000 });
    await late.reaches(9000);
    expect(late.screen).toBe("screen@9000");
  });

  test("[VW2] one writes, others watch; take moves the pen and everyone is told", async () => {
    const { session, relay, host, pause } = await setup();
    const ada = await relay.viewer(session.id);
    const { viewer: adaId } = await ada.hello();
    expect(await ada.next("pen")).toMatchObject({ writer: { viewer: adaId, name: "ada" }, you: true, viewers: 1 });
    await pause();
    const bob = await relay.viewer(session.id, { credential: "tok_bob", name: "bob" });
    const { viewer: bobId } = await bob.hello();
    expect(await bob.next("pen")).toMatchObject({ writer: { viewer: adaId }, you: false, viewers: 2 });
    await pause();
    bob.type("x");
    expect(await bob.next("error")).toMatchObject({ error: { code: "not_writer" } });
    await pause();
    bob.say({ t: "take", id: 5 });
    expect(await bob.next("taken")).toMatchObject({ id: 5 });
    expect(await ada.next("pen", (frame) => frame["you"] === false)).toMatchObject({ writer: { viewer: bobId, name: "bob" } });
    await pause();
    await bob.reaches(0);
    bob.type("y");
    await host.until(() => host.inputs.length === 1, "bob's input");
    expect(host.inputs[0]?.text).toBe("y");
  });

  test("[VW2] the pen waits for a writer that vanished, and is free once one said goodbye", async () => {
    const { session, relay, pause } = await setup();
    const ada = await relay.viewer(session.id);
    await pause();
    const { resume } = await ada.hello();
    await pause();
    const bob = await relay.viewer(session.id, { credential: "tok_bob", name: "bob" });
    await pause();
    await bob.hello();
    await pause();
    ada.socket.close(4000, "cut");
    expect(await bob.next("pen", (frame) => frame["viewers"] === 1)).toMatchObject({ writer: null, you: false });
    await pause();
    const carol = await relay.viewer(session.id, { credential: "tok_carol", name: "carol" });
    await pause();
    await carol.hello();
    expect(await carol.next("pen")).toMatchObject({ writer: null, you: false });
    await pause();
    const back = await relay.viewer(session.id);
    await pause();
    await back.hello({ resume });
    expect(await back.next("pen")).toMatchObject({ you: true });
    await pause();
    back.close(1000);
    await bob.next("pen", (frame) => frame["viewers"] === 2 && frame["writer"] === null);
    await pause();
    const dave = await relay.viewer(session.id, { credential: "tok_dave", name: "dave" });
    await pause();
    await dave.hello();
    expect(await dave.next("pen")).toMatchObject({ you: true });
  });

  test("[VW3] the session has its writer's size; a watcher's resize changes nothing", async () => {
    const { session, relay, host, pause } = await setup();
    const ada = await relay.viewer(session.id);
    await ada.hello({ cols: 120, rows: 40 });
    await ada.reaches(0);
    await host.until(() => host.asked.some(({ t }) => t === "resize"), "the writer's size");
    expect(host.asked.findLast(({ t }) => t === "resize")).toMatchObject({ cols: 120, rows: 40 });
    const bob = await relay.viewer(session.id, { credential: "tok_bob", name: "bob" });
    await bob.hello({ cols: 50, rows: 10 });
    await bob.reaches(0);
    await pause();
    bob.say({ t: "resize", cols: 60, rows: 20 });
    await bob.pingPong();
    ada.say({ t: "resize", cols: 90, rows: 30 });
    expect(await bob.next("size", (frame) => frame["cols"] === 90)).toMatchObject({ rows: 30 });
    expect(host.asked.filter(({ t }) => t === "resize").map(({ cols }) => cols)).toEqual([120, 90]);
  });

  test("[CH6] input that the host did not take is told to the writer, and to nobody else", async () => {
    const { session, relay, host, pause } = await setup();
    const writer = await relay.viewer(session.id);
    await writer.hello();
    const watcher = await relay.viewer(session.id);
    await watcher.hello();
    await writer.reaches(0);
    const [channel] = host.channels.keys();
    await pause();
    await writer.pingPong();
    const error = { code: "input_refused", detail: "The program does not read." };
    host.say({ t: "input-refused", channel, error });
    expect(await writer.next("error")).toMatchObject({ error });
    host.write(10);
    await watcher.reaches(10);
    expect(watcher.texts.filter(({ t }) => t === "error")).toEqual([]);
  });

  test("[CH6] with the link away input is refused visibly, and the stream goes on exactly when it is back", async () => {
    const { session, relay, host, pause } = await setup();
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await viewer.reaches(0);
    host.write(4000);
    await viewer.reaches(4000);
    await pause();
    host.socket.close(4000, "cut");
    expect(await viewer.next("host")).toMatchObject({ connected: false });
    await pause();
    viewer.type("lost");
    expect(await viewer.next("error")).toMatchObject({ error: { code: "input_refused" } });
    await pause();
    const back = await relay.host_([session]);
    back.head = 9000;
    expect(await viewer.next("host")).toMatchObject({ connected: true });
    back.write(1000);
    await viewer.reaches(10_000);
    expect(viewer.shown).toBe(10_000);
    await pause();
    viewer.type("heard");
    await back.until(() => back.inputs.length > 0, "an input");
    expect(back.inputs.map(({ text }) => text)).toEqual(["heard"]);
  });

  test("[VW4] a stalled viewer gets a gap and a fresh screen, and slows nobody", async () => {
    const { session, relay, host, pause } = await setup();
    const fast = await relay.viewer(session.id);
    await fast.hello();
    await fast.reaches(0);
    const slow = await relay.viewer(session.id, { credential: "tok_slow" });
    await slow.hello();
    await slow.reaches(0);
    await pause();
    slow.stalled = true;
    host.write(1_000_000);
    await fast.reaches(1_000_000);
    expect(slow.shown).toBeLessThanOrEqual(512 * 1024);
    // A new life asks it where it is, and would have the host send what it lacks: that left the ring.
    host.ringStart = 900_000;
    await pause();
    await fast.pingPong();
    const shown = slow.cursor?.offset;
    slow.stalled = false;
    slow.ack();
    expect(await slow.next("gap")).toMatchObject({ from: shown, to: 1_000_000 });
    await slow.reaches(1_000_000);
    await pause();
    host.write(100);
    await Promise.all([slow.reaches(1_000_100), fast.reaches(1_000_100)]);
  });

  test("[CH4] history comes for the one who asked, and the stream goes on behind it", async () => {
    const { session, relay, host, pause } = await setup();
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await viewer.reaches(0);
    await pause();
    await viewer.pingPong();
    host.write(500);
    await viewer.reaches(500);
    viewer.say({ t: "history", lines: 1000 });
    expect(await viewer.next("snapshot", (frame) => frame["lines"] === 1000)).toMatchObject({ offset: 500 });
    host.write(500);
    await viewer.reaches(1000);
  });

  test("[CH2] nobody watches any more: the host is told to stop sending", async () => {
    const { session, relay, host, pause } = await setup();
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await viewer.reaches(0);
    await pause();
    viewer.close(1000);
    await host.until(() => host.asked.some(({ t }) => t === "unwatch"), "unwatch");
    expect(host.channels.size).toBe(0);
  });
});

test("[VW5] closing a credential ends its sockets with 4401 and no others", async () => {
  const session = sessionInfo();
  const relay = relayFixture();
  await relay.host_([session]);
  const mine = await relay.viewer(session.id, { credential: "tok_mine" });
  await mine.hello();
  const other = await relay.viewer(session.id, { credential: "tok_other" });
  await other.hello();
  await relay.evict();
  await relay.stub.closeCredential("tok_mine");
  expect(await mine.closed).toEqual({ code: 4401, reason: "token_revoked" });
  await other.pingPong();
  expect((await relay.watch(session.id, { credential: "tok_mine" })).status).toBe(401);
});

describe("[LK4] a viewer that is there no more, though nobody saw it go", () => {
  test("[LK4] [VW2] ends when somebody comes, and its pen is free; who pings stays, and who never did", async () => {
    const session = sessionInfo();
    const relay = relayFixture();
    await relay.host_([session]);
    const silent = await relay.viewer(session.id);
    await silent.hello();
    expect(await silent.next("pen")).toMatchObject({ you: true });
    await silent.pingPong();
    const never = await relay.viewer(session.id, { credential: "tok_never", name: "carol" });
    await never.hello();
    await relay.evict();
    const wait = (ms: number): Promise<void> =>
      relay.inside((object) => {
        object.now = () => Date.now() + ms;
      });
    await wait(VIEWER_SILENT_MS - 1_000);
    const early = await relay.viewer(session.id, { credential: "tok_bob", name: "bob" });
    await early.hello();
    expect(await early.next("pen")).toMatchObject({ you: false, viewers: 3 });
    await wait(VIEWER_SILENT_MS + 1_000);
    const late = await relay.viewer(session.id, { credential: "tok_dave", name: "dave" });
    expect(await silent.closed).toEqual({ code: 4400, reason: "timeout" });
    await late.hello();
    expect(await late.next("pen")).toMatchObject({ you: true, viewers: 3 });
    await never.pingPong();
  });

  test("[LK4] ends with an alarm that goes off anyway, and sets none itself", async () => {
    const session = sessionInfo();
    const relay = relayFixture();
    await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    await viewer.pingPong();
    await relay.inside(async (object, { storage }) => {
      // Beside the one that its hello had.
      await storage.deleteAlarm();
      await object.alarm();
      expect(await storage.getAlarm()).toBeNull();
      object.now = () => Date.now() + VIEWER_SILENT_MS + 1_000;
      await object.alarm();
    });
    expect(await viewer.closed).toMatchObject({ code: 4400 });
  });
});

describe("[VW4] viewers that confirm nothing, more than there is memory for", () => {
  test("[VW4] slow nobody: the one that reads has every byte as it comes", async () => {
    const session = sessionInfo();
    const relay = relayFixture();
    const host = await relay.host_([session]);
    for (let i = 0; i < 70; i++) {
      const stalled = new FrameSocket(socketOf(await relay.watch(session.id, { credential: `tok_${i}`, canWrite: false })));
      stalled.say({ t: "hello", versions: { min: 1, max: 1 }, from: { epoch: 1, offset: 0 } });
    }
    const healthy = await relay.viewer(session.id);
    await healthy.hello();
    await healthy.reaches(0);
    host.write(1_000_000);
    await healthy.reaches(1_000_000);
    expect(healthy.shown).toBe(1_000_000);
  });

  test("[VW4] are let go, those who owe most first, until those who wait have room", async () => {
    const session = sessionInfo();
    const relay = relayFixture();
    const host = await relay.host_([session]);
    const greedy: FakeViewer[] = [];
    for (let i = 0; i < 4; i++) {
      const viewer = await relay.viewer(session.id, { credential: `tok_${i}`, canWrite: false });
      const { viewer: id } = await viewer.hello();
      await viewer.reaches(0);
      await viewer.pingPong();
      viewer.stalled = true;
      greedy.push(viewer);
      host.silent.add("want-snapshot");
      viewer.say({ t: "history", lines: 50_000 });
      const { channel } = await host.next("want-snapshot", (frame) => frame["viewer"] === id);
      const bytes = SNAPSHOT_MAX_BYTES - 1000;
      host.say({ t: "snapshot", channel, epoch: 1, offset: 0, bytes, cols: 80, rows: 24, lines: 50_000, viewer: id });
      for (let left = bytes; left > 0; left -= 200_000)
        host.data("snapshot", new Uint8Array(Math.min(left, 200_000)), {
          channel: Number(channel),
          flags: left <= 200_000 ? FLAG.last : 0,
        });
      await viewer.until(() => viewer.cursor?.offset === 0, "the history");
      host.silent.delete("want-snapshot");
    }
    const waits = await relay.viewer(session.id);
    await waits.hello();
    await waits.reaches(0);
    host.write(10_000);
    await host.pingPong();
    waits.say({ t: "history", lines: 100 });
    expect(await waits.next("error")).toMatchObject({ error: { code: "rate_limited" } });
    await later(relay, VIEWER_STALLED_MS + 1);
    expect(await greedy[0]?.closed).toEqual({ code: 4429, reason: "rate_limited" });
    await waits.reaches(10_000);
    // One was enough.
    await greedy[3]?.pingPong();
  });
});
