/** Positions of host and viewer that need no luck to meet, only a slow link: each once stopped a terminal for good. */
import { beforeEach, describe, expect, test } from "vitest";
import { LINK_CREDIT_BYTES, RELAY_MEMORY_BYTES, VIEWER_STALLED_MS } from "@maestro/shared/limits";
import { encodeFrame, decodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import type { RelayFrame } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { Channel } from "./channel.ts";
import { Memory } from "./memory.ts";
import { Shortage } from "./shortage.ts";
import { acknowledged, follow, type Stream } from "./stream.ts";

interface Someone {
  frames: ToViewerFrame[];
  bytes: number;
}

let asked: RelayFrame[];
let memory: Memory;
let channel: Channel<Someone>;
/** The channel's number that each was saved with last. */
let saved: Map<Someone, number | undefined>;

beforeEach(() => {
  asked = [];
  memory = new Memory();
  saved = new Map();
  channel = new Channel<Someone>(
    {
      watch: () => undefined,
      toHost: (frame) => void asked.push(frame),
      toViewer: (viewer, frame) => void viewer.frames.push(frame),
      bytes: (viewer, frame) => {
        viewer.bytes += frame.byteLength;
      },
      moved: (viewer) => void saved.set(viewer, channel.number),
    },
    memory,
  );
});

const someone = (): Someone => ({ frames: [], bytes: 0 });

function output(offset: number, length: number, flags = 0): void {
  const whole = encodeFrame({ kind: "output", flags, epoch: 1, channel: 7, offset, payload: new Uint8Array(length) });
  const frame = decodeFrame(whole);
  if (!frame.ok || frame.value === undefined) throw new Error("not a frame");
  channel.output(frame.value, whole.buffer);
}

function screen(offset: number, bytes = 0): void {
  channel.snapshotBegins({ t: "snapshot", channel: 7, epoch: 1, offset, bytes, cols: 80, rows: 24, lines: 0 });
}

const told = (t: RelayFrame["t"]): RelayFrame[] => asked.filter((frame) => frame.t === t);

describe("a viewer that follows", () => {
  test("[VW4] from a screen far ahead of the link's position gets what the host still has to send before it acknowledged", () => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", undefined, true);
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    // Nobody read for a while: the program ran on into the ring, and the screen is of its end.
    const head = 5 * LINK_CREDIT_BYTES;
    screen(head);
    channel.ack(viewer, 1, head);
    let acked = 0;
    for (let sent = 0; sent < head;) {
      const to = Math.min(head, acked + LINK_CREDIT_BYTES);
      // Were it to stop here, the host would have no credit left and the viewer nothing to confirm.
      expect(to).toBeGreaterThan(sent);
      while (sent < to) {
        output(sent, 64 * 1024);
        sent += 64 * 1024;
      }
      acked = Math.max(0, ...told("ack").map((frame) => (frame.t === "ack" ? frame.offset : 0)));
    }
    expect(viewer.bytes).toBe(0);
    output(head, 5);
    expect(viewer.bytes).toBe(16 + 5);
  });

  test("[CH1] asks for a hole in the live stream by itself, though it has confirmed everything", () => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", { epoch: 1, offset: 100 }, true);
    channel.opened({ channel: 7, epoch: 1, offset: 100 });
    output(100, 50);
    channel.ack(viewer, 1, 150);
    output(200, 10);
    expect(told("need")).toMatchObject([{ epoch: 1, from: 150 }]);
    output(150, 60, FLAG.replay);
    output(210, 5);
    expect(channel.streamOf(viewer)).toMatchObject({ type: "following", sent: 215 });
  });

  test("[CH1] asks again for a replay that the host's restart took with it", () => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", { epoch: 1, offset: 0 }, true);
    channel.opened({ channel: 7, epoch: 1, offset: 1000 });
    expect(told("need")).toHaveLength(1);
    channel.epochChanged(1, 1000);
    expect(told("need")).toHaveLength(2);
  });
});

describe("[CH4] history", () => {
  const wanted = () =>
    told("want-snapshot").flatMap((frame) => (frame.t === "want-snapshot" && frame.viewer === "vwr_1" ? [frame.lines] : []));
  const follower = (): Someone => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", { epoch: 1, offset: 0 }, true);
    return viewer;
  };

  test("asked for while the channel opens, is asked of the host once it is open, once", () => {
    const viewer = follower();
    expect(channel.history(viewer, 500)).toBe(true);
    expect(wanted()).toEqual([]);
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    channel.ack(viewer, 1, 0);
    expect(wanted()).toEqual([500]);
  });

  test("under way when the link went, is asked for again after it", () => {
    const viewer = follower();
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    channel.history(viewer, 500);
    channel.lost();
    channel.open();
    channel.opened({ channel: 8, epoch: 1, offset: 0 });
    expect(wanted()).toEqual([500, 500]);
  });

  test("asked for while the screen itself is awaited, follows it", () => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", undefined, true);
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    channel.history(viewer, 500);
    screen(0);
    channel.ack(viewer, 1, 0);
    expect(wanted()).toEqual([500]);
  });

  test("that came is not asked for again", () => {
    const viewer = follower();
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    channel.history(viewer, 500);
    channel.snapshotBegins({ t: "snapshot", channel: 7, epoch: 1, offset: 0, bytes: 0, cols: 80, rows: 24, lines: 500, viewer: "vwr_1" });
    channel.lost();
    channel.open();
    channel.opened({ channel: 8, epoch: 1, offset: 0 });
    expect(wanted()).toEqual([500]);
  });

  test("without room is refused, and not waited for", () => {
    const viewer = follower();
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    memory.move(0, RELAY_MEMORY_BYTES);
    expect(channel.history(viewer, 500)).toBe(false);
    memory.move(RELAY_MEMORY_BYTES, 0);
    channel.retry();
    expect(wanted()).toEqual([]);
  });
});

test("[CH6] a channel that is lost is forgotten for all of its viewers: later its number may be another session's", () => {
  const [restored, joined] = [someone(), someone()];
  channel.restore(restored, "vwr_1", { type: "resuming", epoch: 1 }, 7);
  channel.join(joined, "vwr_2", undefined, true);
  channel.synced({ channel: 7, epoch: 1, sent: 0, acked: 0 });
  expect([...saved.values()]).toEqual([7, 7]);
  channel.lost();
  channel.open();
  expect([...saved.values()]).toEqual([undefined, undefined]);
});

test("[VW4] a screen that does not fit is asked for again when there is room, not at once", () => {
  const viewer = someone();
  channel.join(viewer, "vwr_1", undefined, true);
  channel.opened({ channel: 7, epoch: 1, offset: 0 });
  memory.move(0, RELAY_MEMORY_BYTES);
  expect(told("want-snapshot")).toHaveLength(1);
  screen(0, 100);
  channel.snapshotPart(
    { kind: "snapshot", flags: FLAG.last, epoch: 1, channel: 7, offset: 0, payload: new Uint8Array(100) },
    new ArrayBuffer(116),
  );
  expect(told("want-snapshot")).toHaveLength(1);
  memory.move(RELAY_MEMORY_BYTES, 0);
  expect(memory.takeRetry()).toBe(true);
  channel.retry();
  expect(told("want-snapshot")).toHaveLength(2);
});

describe("[VW4] viewers that confirm nothing", () => {
  test("[VW4] of a screen that showed nothing new are asked, when they starve, where they are", () => {
    const viewer = someone();
    channel.join(viewer, "vwr_1", undefined, true);
    channel.opened({ channel: 7, epoch: 1, offset: 100 });
    screen(100, 10);
    channel.snapshotPart(
      { kind: "snapshot", flags: FLAG.last, epoch: 1, channel: 7, offset: 100, payload: new Uint8Array(10) },
      new ArrayBuffer(26),
    );
    memory.move(0, RELAY_MEMORY_BYTES);
    output(100, 50);
    expect(viewer.frames.at(-1)).toEqual({ t: "sync" });
    channel.ack(viewer, 1, 100);
    expect(channel.streamOf(viewer)).toMatchObject({ type: "awaiting", missing: { offset: 100 } });
  });

  test("[VW4] leave to those who do what they need, however much each of them is sent", () => {
    const healthy = someone();
    const stalled = Array.from({ length: 100 }, someone);
    for (const [i, viewer] of [...stalled, healthy].entries()) channel.join(viewer, `vwr_${i}`, { epoch: 1, offset: 0 }, true);
    channel.opened({ channel: 7, epoch: 1, offset: 0 });
    const chunk = 128 * 1024;
    for (let sent = 0; sent < 64 * chunk; sent += chunk) {
      output(sent, chunk);
      channel.ack(healthy, 1, sent + chunk);
      expect(channel.streamOf(healthy)).toMatchObject({ type: "following", sent: sent + chunk });
    }
    for (const viewer of stalled) expect(channel.streamOf(viewer)).toMatchObject({ type: "starved" });
    expect(memory.used).toBeLessThanOrEqual(RELAY_MEMORY_BYTES);
    // A newcomer finds room for its screen, too.
    const late = someone();
    channel.join(late, "vwr_late", undefined, true);
    screen(64 * chunk, 1_000_000);
    expect(channel.streamOf(late)).toMatchObject({ type: "receiving" });
  });

  test("[VW4] are found by what they confirmed since memory ran short, those who owe most first", () => {
    const owing = (sent: number): Stream => ({ ...follow(1, 0), sent });
    const streams = new Map<string, Stream>([
      ["some", owing(100)],
      ["more", owing(200)],
      ["slow", owing(300)],
      ["nothing", owing(0)],
      ["screen", { ...follow(1, 0), screen: { bytes: 50, at: 0 } }],
      ["starved", { type: "starved", epoch: 1, sent: 400, acked: 0, screen: undefined }],
      ["gone", owing(900)],
    ]);
    const shortage = new Shortage<string>();
    shortage.begins(1_000, streams);
    expect(shortage.dueMs).toBe(1_000 + VIEWER_STALLED_MS);
    streams.set("slow", acknowledged(owing(300), 1, 1));
    streams.set("nothing", owing(300));
    streams.set("screen", acknowledged(streams.get("screen") ?? owing(0), 1, 0));
    streams.set("more", { type: "starved", epoch: 1, sent: 200, acked: 0, screen: undefined });
    streams.delete("gone");
    const at = (viewer: string): Stream | undefined => streams.get(viewer);
    expect(shortage.stalled(999 + VIEWER_STALLED_MS, at)).toEqual([]);
    expect(shortage.stalled(1_000 + VIEWER_STALLED_MS, at)).toEqual(["starved", "more", "some"]);
    expect(shortage.dueMs).toBeUndefined();
  });
});
