import { afterEach, expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { LINK_CREDIT_BYTES } from "@maestro/shared/limits";
import { FLAG } from "@maestro/shared/protocol/frame";
import { WatchResult } from "@maestro/shared/protocol/link";
import type { RunningHostAgent } from "./host-agent.ts";
import { FakeRelay, type RelayLink } from "./testing/fake-relay.ts";
import { joinedHome, startTestAgent, type TestHome } from "./testing/host-home.ts";
import { MemoryHolder } from "./testing/memory-holder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp(timeScale = 1): Promise<{ relay: FakeRelay; holder: MemoryHolder; agent: RunningHostAgent; home: TestHome }> {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  const holder = new MemoryHolder();
  holder.add("ses_a");
  const agent = startTestAgent(home.paths, holder.open, { timeScale });
  undo.push(() => agent.stop());
  return { relay, holder, agent, home };
}

async function watch(link: RelayLink, session: string, from?: { epoch: number; offset: number }): Promise<WatchResult> {
  const reply = await link.request({ t: "watch", id: link.nextId(), session, ...(from === undefined ? {} : { from }) });
  if (reply.t !== "reply") throw new Error(`watch was refused: ${reply.error.code}`);
  return WatchResult.parse(reply.value);
}

/** What the relay makes of a channel's live frames by the cursor rule. */
function assemble(link: RelayLink, channel: number, start: number): Buffer {
  let cursor = start;
  const parts: Uint8Array[] = [];
  for (const frame of link.data(channel)) {
    if (frame.kind !== "output") continue;
    const end = frame.offset + frame.payload.byteLength;
    if (end <= cursor || frame.offset > cursor) continue;
    parts.push(frame.payload.subarray(cursor - frame.offset));
    cursor = end;
  }
  return Buffer.concat(parts);
}

test("[LK3] the first frame is a hello with this host's facts and sessions", async () => {
  const { relay } = await setUp();
  const link = await relay.link(0);
  const hello = await link.frame("hello");
  expect(link.received[0]).toMatchObject({ type: "control", frame: { t: "hello" } });
  expect(hello.sessions.map(({ id }) => id)).toEqual(["ses_a"]);
  expect(hello.capabilities).toContain("tmux");
  expect(hello.instance).toBe(link.claim.instance);
});

test("[CH6] input that the session does not take is told on its channel, and so is input without a holder", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel } = await watch(link, "ses_a");
  holder.refuses = maestroError("input_refused", "The program does not read.");
  link.sendInput(channel, Buffer.from("x"));
  expect(await link.frame("input-refused")).toMatchObject({
    channel,
    error: { code: "input_refused", detail: "The program does not read." },
  });
  holder.away = true;
  holder.drop();
  link.sendInput(channel, Buffer.from("y"));
  expect(await link.frame("input-refused", ({ error }) => error.detail.includes("nothing was typed"))).toMatchObject({
    channel,
    error: { code: "input_refused" },
  });
});

test("[CH6] a keystroke goes to its session once, and its echo comes back on the channel", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel, offset } = await watch(link, "ses_a");
  link.sendInput(channel, Buffer.from("x"));
  const frame = await link.until(() => link.data(channel)[0]);
  expect(Buffer.from(frame.payload).toString()).toBe("x");
  expect(frame.offset).toBe(offset);
  expect(holder.inputs).toHaveLength(1);
});

test("[CH2] a session that nobody watches sends nothing", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  holder.add("ses_b");
  const { channel } = await watch(link, "ses_b");
  holder.produce("ses_a", Buffer.alloc(1000, 97));
  holder.produce("ses_b", Buffer.from("b"));
  await link.until(() => link.data(channel)[0]);
  link.send({ t: "unwatch", channel });
  await link.request({ t: "detect", id: link.nextId() });
  holder.produce("ses_b", Buffer.from("unseen"));
  await link.request({ t: "detect", id: link.nextId() });
  expect(link.received.filter((entry) => entry.type === "data")).toHaveLength(1);
  expect(holder.unsubscribed).toContain("ses_b");
});

test("[CH3] at most the link's credit is unacknowledged, and an acknowledgement lets the rest through, byte for byte", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel, epoch } = await watch(link, "ses_a");
  const written = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
  holder.produce("ses_a", written);
  const received = () => assemble(link, channel, 0);
  await link.until(() => (received().byteLength >= LINK_CREDIT_BYTES ? true : undefined));
  await link.request({ t: "detect", id: link.nextId() });
  expect(received().byteLength).toBe(LINK_CREDIT_BYTES);
  while (received().byteLength < written.byteLength) {
    const before = received().byteLength;
    link.send({ t: "ack", channel, epoch, offset: before });
    await link.until(() => (received().byteLength > before ? true : undefined));
  }
  expect(received().equals(written)).toBe(true);
  expect(link.data(channel).length).toBeLessThan(written.byteLength / 4096 / 4);
});

test("[CH4] a snapshot is announced and its frames are contiguous and end with the last flag", async () => {
  const { relay, holder } = await setUp();
  holder.screen = Buffer.alloc(600_000, 35);
  const link = await relay.link(0);
  const { channel } = await watch(link, "ses_a");
  link.send({ t: "want-snapshot", channel, lines: 0, viewer: "v1" });
  holder.produce("ses_a", Buffer.from("live"));
  await link.until(() => (link.data(channel).some(({ kind }) => kind === "output") ? true : undefined));
  const begin = await link.frame("snapshot");
  expect(begin).toMatchObject({ bytes: 600_000, viewer: "v1", channel });
  await link.until(() =>
    link.data(channel).some(({ kind, flags }) => kind === "snapshot" && (flags & FLAG.last) !== 0) ? true : undefined,
  );
  const kinds = link.data(channel).map(({ kind }) => kind);
  const first = kinds.indexOf("snapshot");
  const count = kinds.filter((kind) => kind === "snapshot").length;
  expect(kinds.slice(first, first + count).every((kind) => kind === "snapshot")).toBe(true);
  expect(
    link
      .data(channel)
      .filter(({ kind }) => kind === "snapshot")
      .reduce((sum, { payload }) => sum + payload.byteLength, 0),
  ).toBe(600_000);
});

test("[CH4] a link that broke is taken up from the relay's offset, and nothing is missing", async () => {
  const { relay, holder } = await setUp(0.1);
  const first = await relay.link(0);
  const watched = await watch(first, "ses_a");
  holder.produce("ses_a", Buffer.from("before "));
  await first.until(() => (assemble(first, watched.channel, 0).byteLength === 7 ? true : undefined));
  first.tcp.destroy();
  const second = await relay.link(1);
  holder.produce("ses_a", Buffer.from("after"));
  const again = await watch(second, "ses_a", { epoch: watched.epoch, offset: 7 });
  expect(again).toMatchObject({ resumed: true, offset: 7 });
  await second.until(() => (assemble(second, again.channel, 7).toString() === "after" ? true : undefined));
  expect(second.claim.epoch.start).toBe(first.claim.epoch.start);
  expect(second.claim.epoch.connect).toBeGreaterThan(first.claim.epoch.connect);
  expect(second.claim.instance).toBe(first.claim.instance);
});

test("[CH1] a new epoch is told, and output goes on with it", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel } = await watch(link, "ses_a");
  holder.produce("ses_a", Buffer.from("old"));
  holder.restartEpoch("ses_a");
  holder.produce("ses_a", Buffer.from("new"));
  expect(await link.frame("epoch")).toMatchObject({ channel, epoch: 2, offset: 0 });
  const frame = await link.until(() => link.data(channel).find(({ epoch }) => epoch === 2));
  expect(Buffer.from(frame.payload).toString()).toBe("new");
});

test("[CH5] a hole in the stream is told with its exact offsets, and credit goes on behind it", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel } = await watch(link, "ses_a");
  holder.produce("ses_a", Buffer.alloc(LINK_CREDIT_BYTES, 65));
  await link.until(() => (assemble(link, channel, 0).byteLength === LINK_CREDIT_BYTES ? true : undefined));
  holder.produce("ses_a", Buffer.alloc(12 * 1024 * 1024, 66));
  const gap = await link.frame("gap");
  expect(gap).toMatchObject({ from: LINK_CREDIT_BYTES, to: LINK_CREDIT_BYTES + 4 * 1024 * 1024 });
  await link.until(() => link.data(channel).find(({ offset }) => offset >= gap.to));
});

test("[CH4] bytes asked for again come as replay, outside the credit", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel, epoch } = await watch(link, "ses_a");
  holder.produce("ses_a", Buffer.from("0123456789"));
  await link.until(() => (assemble(link, channel, 0).byteLength === 10 ? true : undefined));
  link.send({ t: "need", channel, epoch, from: 2, to: 5 });
  const replay = await link.until(() => link.data(channel).find(({ flags }) => (flags & FLAG.replay) !== 0));
  expect(Buffer.from(replay.payload).toString()).toBe("234");
});

test("[VW4] after sync the host restates where its channels stand", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel, epoch } = await watch(link, "ses_a");
  holder.produce("ses_a", Buffer.from("abc"));
  await link.until(() => (assemble(link, channel, 0).byteLength === 3 ? true : undefined));
  link.send({ t: "ack", channel, epoch, offset: 2 });
  link.send({ t: "sync" });
  expect(await link.frame("host-sync")).toEqual({ t: "host-sync", channels: [{ channel, session: "ses_a", epoch, sent: 3, acked: 2 }] });
});

test("a new connection to the holder goes on where the stream was", async () => {
  const { relay, holder } = await setUp();
  const link = await relay.link(0);
  const { channel } = await watch(link, "ses_a");
  holder.produce("ses_a", Buffer.from("one "));
  await link.until(() => (assemble(link, channel, 0).byteLength === 4 ? true : undefined));
  holder.drop();
  holder.produce("ses_a", Buffer.from("two"));
  await link.until(() => (assemble(link, channel, 0).toString() === "one two" ? true : undefined));
});
