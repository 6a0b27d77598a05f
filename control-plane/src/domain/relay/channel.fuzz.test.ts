/**
 * [VW4] [CH1] Seeded fuzz of one channel: random output, acknowledgements, redials, wakes, gaps, link cuts and epochs
 * against the very Channel that runs. Each viewer's assembled bytes must equal the program's between its screens.
 */
import { expect, test } from "vitest";
import { MAX_REPLAY_BYTES, VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { decodeFrame, encodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import type { RelayFrame } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { Channel, type ChannelPort } from "./channel.ts";
import { Memory } from "./memory.ts";
import { restoredFrom, savedOf, type SavedStream } from "./saved-stream.ts";

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a program writes at an offset, so that any stretch can be checked without keeping it. */
const byteAt = (epoch: number, offset: number): number => (Math.imul(offset ^ (epoch * 7919), 2654435761) >>> 13) & 0xff;
const bytesOf = (epoch: number, from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => byteAt(epoch, from + i));

/** The far side: ring, channel, credit and replay as the host-agent has them. */
class FuzzHost {
  epoch = 1;
  head = 0;
  sent = 0;
  acked = 0;
  ringStart = 0;
  /** Where the last screen was drawn: the holder reads on and never back. */
  drawn = 0;
  channel: number | undefined;
  readonly queue: (() => void)[] = [];
  readonly wire: (
    | Uint8Array<ArrayBuffer>
    | { control: "snapshot" | "gap" | "epoch"; value: Record<string, number | string | undefined> }
  )[] = [];
}

interface FuzzViewer {
  id: string;
  cursor: Cursor | undefined;
  acked: number;
  /** It showed something it has not confirmed. Without, it has no reason to say anything, and says nothing. */
  owes: boolean;
  snapshotLeft: number;
  snapshotAt: Cursor | undefined;
  /** Frames on their way to it. */
  inbox: (ToViewerFrame | Uint8Array)[];
  saved: SavedStream | undefined;
  number: number | undefined;
  alive: boolean;
  gapFrom: number | undefined;
  taken: number;
}

class Violation extends Error {}

interface Faults {
  /** Planted into what the channel sends or is told; the fuzz has to notice. */
  corruptOffset?: boolean;
  ignoreCredit?: boolean;
  dropFrame?: boolean;
  twice?: boolean;
  /** What the host is told while live output passes, on behalf of viewers that are ahead of it, is lost. */
  muteAhead?: boolean;
  /** A screen is announced for a place behind the one it shows. */
  shiftScreen?: boolean;
}

function run(seed: number, steps: number, faults: Faults = {}): { taken: number; gaps: number; snapshots: number; beyond: number } {
  const random = seeded(seed);
  const int = (max: number): number => Math.floor(random() * max);
  const host = new FuzzHost();
  // In some, what the viewers may be owed together does not fit.
  const memory = new Memory(seed % 3 === 0 ? 250_000 : undefined);
  const viewers: FuzzViewer[] = [];
  let nextChannel = 1;
  let linked = true;
  let gaps = 0;
  let snapshots = 0;
  let beyond = 0;
  const stats = { taken: 0 };
  let faultArmed = 40;

  let passing = false;
  const toHost = (frame: RelayFrame): void => {
    if (faults.muteAhead && passing && frame.t === "ack") return;
    if (linked) host.queue.push(() => hostHandles(frame));
  };
  let channel: Channel<FuzzViewer>;
  const port: ChannelPort<FuzzViewer> = {
    watch: (from) => {
      if (!linked) return;
      host.queue.push(() => {
        host.channel = nextChannel++;
        const honoured = from !== undefined && from.epoch === host.epoch && from.offset >= host.ringStart && from.offset <= host.head;
        host.sent = honoured ? from.offset : host.head;
        host.acked = host.sent;
        channel.opened({ channel: host.channel, epoch: host.epoch, offset: host.sent });
      });
    },
    toHost,
    toViewer: (viewer, frame) => {
      const copy = structuredClone(frame);
      if (faults.shiftScreen && copy.t === "snapshot") copy.offset += 1;
      viewer.inbox.push(copy);
    },
    bytes: (viewer, frame) => {
      const copy = new Uint8Array(frame.slice(0));
      if (faultArmed-- === 0) {
        if (faults.dropFrame) return;
        if (faults.twice) new DataView(copy.buffer).setUint32(12, Math.max(0, new DataView(copy.buffer).getUint32(12) - 1));
        if (faults.corruptOffset) new DataView(copy.buffer).setUint32(12, new DataView(copy.buffer).getUint32(12) + 1);
      }
      viewer.inbox.push(copy);
    },
    moved: (viewer, stream) => {
      viewer.saved = savedOf(stream);
      viewer.number = channel.number;
    },
  };
  channel = new Channel(port, memory);

  const frame = (kind: "output" | "snapshot", flags: number, offset: number, payload: Uint8Array): void => {
    host.wire.push(encodeFrame({ kind, flags, epoch: host.epoch, channel: host.channel ?? 0, offset, payload }));
  };
  const replay = (from: number, to: number): void => {
    for (let at = from; at < to;) {
      const end = Math.min(to, at + 1 + int(64 * 1024));
      frame("output", FLAG.replay, at, bytesOf(host.epoch, at, end));
      at = end;
    }
  };
  function hostHandles(message: RelayFrame): void {
    if ("channel" in message && message.channel !== host.channel) return;
    if (message.t === "unwatch") host.channel = undefined;
    else if (message.t === "ack") {
      if (message.epoch === host.epoch) host.acked = Math.min(host.sent, Math.max(host.acked, message.offset));
    } else if (message.t === "want-snapshot") {
      snapshots += 1;
      // The holder draws it of all it has read, which what was sent lags behind; or of a little before, when that is on its way.
      const at = random() < 0.5 ? host.sent + int(host.head - host.sent + 1) : host.sent - int(4000);
      const offset = Math.max(host.ringStart, host.drawn, at);
      host.drawn = offset;
      if (offset > host.sent) beyond += 1;
      const bytes = int(20_000);
      host.wire.push({
        control: "snapshot",
        value: {
          channel: host.channel,
          epoch: host.epoch,
          offset,
          bytes,
          cols: 80,
          rows: 24,
          lines: message.lines,
          viewer: message.viewer,
        },
      });
      for (let left = bytes; left > 0;) {
        const size = Math.min(left, 1 + int(8000));
        left -= size;
        frame("snapshot", left === 0 ? FLAG.last : 0, offset, new Uint8Array(size));
      }
      replay(offset, host.sent);
    } else if (message.t === "need" && message.epoch === host.epoch) {
      if (message.to - message.from > MAX_REPLAY_BYTES) throw new Violation("asked for more than one stretch");
      if (message.from < host.ringStart)
        host.wire.push({ control: "gap", value: { channel: host.channel, epoch: host.epoch, from: message.from, to: host.ringStart } });
      else replay(message.from, Math.min(message.to, host.head));
    }
  }
  /** Live output within the link's credit. */
  const pump = (): void => {
    if (host.channel === undefined) return;
    if (host.sent < host.ringStart) {
      host.wire.push({ control: "gap", value: { channel: host.channel, epoch: host.epoch, from: host.sent, to: host.ringStart } });
      host.sent = host.ringStart;
      host.acked = host.sent;
    }
    const size = Math.min(host.head - host.sent, host.acked + 256 * 1024 - host.sent, 1 + int(200_000));
    if (size <= 0) return;
    frame("output", 0, host.sent, bytesOf(host.epoch, host.sent, host.sent + size));
    host.sent += size;
  };
  const deliverToRelay = (): void => {
    const next = host.wire.shift();
    if (next === undefined || !linked) return;
    if (next instanceof Uint8Array) {
      const decoded = decodeFrame(next);
      if (!decoded.ok || decoded.value === undefined) throw new Violation("undecodable");
      if (decoded.value.channel !== channel.number) return;
      if (decoded.value.kind === "output") {
        passing = true;
        channel.output(decoded.value, next.buffer);
        passing = false;
      } else channel.snapshotPart(decoded.value, next.buffer);
      return;
    }
    const { control, value } = next;
    if (value["channel"] !== channel.number) return;
    const num = (key: string): number => Number(value[key]);
    if (control === "snapshot") {
      const viewer = value["viewer"];
      channel.snapshotBegins({
        t: "snapshot",
        channel: num("channel"),
        epoch: num("epoch"),
        offset: num("offset"),
        bytes: num("bytes"),
        cols: 80,
        rows: 24,
        lines: num("lines"),
        ...(typeof viewer === "string" ? { viewer } : {}),
      });
    } else if (control === "gap") channel.gap({ epoch: num("epoch"), from: num("from"), to: num("to") });
    else channel.epochChanged(num("epoch"), num("offset"));
  };
  const freed = (): void => {
    if (memory.takeRetry()) channel.retry();
  };
  const screenShown = (viewer: FuzzViewer, at: Cursor): void => {
    viewer.cursor = at;
    viewer.acked = at.offset;
    viewer.owes = true;
    viewer.snapshotAt = undefined;
  };
  /** What a strict viewer does with what it gets. */
  const deliverToViewer = (viewer: FuzzViewer): void => {
    const next = viewer.inbox.shift();
    if (next === undefined) return;
    if (next instanceof Uint8Array) {
      const decoded = decodeFrame(next);
      if (!decoded.ok || decoded.value === undefined) throw new Violation("undecodable at viewer");
      const { kind, epoch, offset, payload } = decoded.value;
      if (kind === "snapshot") {
        viewer.snapshotLeft -= payload.byteLength;
        if (viewer.snapshotLeft === 0 && viewer.snapshotAt !== undefined) screenShown(viewer, viewer.snapshotAt);
        if (viewer.snapshotLeft < 0) throw new Violation("more snapshot than announced");
        return;
      }
      if (viewer.cursor === undefined || viewer.snapshotAt !== undefined) {
        // Old output in flight before a screen is allowed; it is not shown.
        return;
      }
      const step = advance(viewer.cursor, { epoch, offset, length: payload.byteLength });
      if (step.type === "gap") throw new Violation(`${viewer.id}: hole ${step.from}..${step.to}`);
      if (step.type !== "take") return;
      for (let i = step.skip; i < payload.byteLength; i++)
        if (payload[i] !== byteAt(epoch, offset + i)) throw new Violation(`${viewer.id}: byte ${offset + i} differs`);
      viewer.taken += payload.byteLength - step.skip;
      stats.taken += payload.byteLength - step.skip;
      viewer.cursor = step.next;
      viewer.owes = true;
      if (viewer.cursor.offset - viewer.acked > VIEWER_CREDIT_BYTES)
        throw new Violation(`${viewer.id}: ${viewer.cursor.offset - viewer.acked} unacknowledged`);
      return;
    }
    if (next.t === "snapshot") {
      if (viewer.gapFrom !== undefined && viewer.gapFrom !== next.offset)
        throw new Violation(`${viewer.id}: gap told to ${viewer.gapFrom}, screen at ${next.offset}`);
      viewer.gapFrom = undefined;
      viewer.snapshotAt = { epoch: next.epoch, offset: next.offset };
      viewer.snapshotLeft = next.bytes;
      if (next.bytes === 0) screenShown(viewer, viewer.snapshotAt);
    } else if (next.t === "gap") {
      gaps += 1;
      if (viewer.cursor !== undefined && next.from > viewer.cursor.offset && next.epoch === viewer.cursor.epoch)
        throw new Violation(`${viewer.id}: gap from ${next.from}, had ${viewer.cursor.offset}`);
      viewer.gapFrom = next.to;
    } else if (next.t === "resumed") {
      viewer.cursor = { epoch: next.epoch, offset: next.offset };
      viewer.acked = next.offset;
      viewer.owes = false;
    }
  };
  const confirm = (viewer: FuzzViewer, share: number): void => {
    if (viewer.cursor === undefined || viewer.snapshotAt !== undefined || !viewer.owes) return;
    const offset = viewer.acked + Math.floor((viewer.cursor.offset - viewer.acked) * share);
    viewer.acked = offset;
    viewer.owes = offset < viewer.cursor.offset;
    channel.ack(viewer, viewer.cursor.epoch, faults.ignoreCredit ? viewer.cursor.offset + 10_000_000 : offset);
    freed();
  };
  let names = 0;
  const join = (from: Cursor | undefined): void => {
    const viewer: FuzzViewer = {
      id: `vwr_${names++}`,
      cursor: undefined,
      acked: 0,
      owes: false,
      snapshotLeft: 0,
      snapshotAt: undefined,
      inbox: [],
      saved: undefined,
      number: undefined,
      alive: true,
      gapFrom: undefined,
      taken: 0,
    };
    viewers.push(viewer);
    channel.join(viewer, viewer.id, from, linked);
  };
  const leave = (): void => {
    const at = int(viewers.length);
    const [viewer] = viewers.splice(at, 1);
    if (viewer === undefined) return;
    channel.leave(viewer, random() < 0.5);
    // Often comes back with what it has; what was in its inbox is lost.
    if (random() < 0.7) join(viewer.snapshotAt === undefined ? viewer.cursor : undefined);
  };
  const cutLink = (): void => {
    linked = false;
    host.queue.length = 0;
    host.wire.length = 0;
    host.channel = undefined;
    channel.lost();
    linked = true;
    channel.open();
  };
  /** Only what is saved survives; both ends restate. */
  const wake = (): void => {
    memory.move(memory.used, 0);
    channel = new Channel(port, memory);
    for (const viewer of viewers)
      if (viewer.saved !== undefined) channel.restore(viewer, viewer.id, restoredFrom(viewer.saved), viewer.number);
    host.queue.push(() => {
      if (host.channel !== undefined && channel.number === host.channel)
        channel.synced({ channel: host.channel, epoch: host.epoch, sent: host.sent, acked: host.acked });
      else {
        channel.lost();
        channel.open();
      }
    });
    for (const viewer of viewers) viewer.inbox.push({ t: "sync" });
  };
  // `sync` is answered at once with the present position.
  const answerSync = (viewer: FuzzViewer): void => {
    if (viewer.inbox[0] !== undefined && !(viewer.inbox[0] instanceof Uint8Array) && viewer.inbox[0].t === "sync") {
      viewer.inbox.shift();
      if (viewer.cursor !== undefined && viewer.snapshotAt === undefined) channel.ack(viewer, viewer.cursor.epoch, viewer.acked);
    }
  };
  const newEpoch = (): void => {
    host.epoch += 1;
    host.head = 0;
    host.sent = 0;
    host.acked = 0;
    host.ringStart = 0;
    host.drawn = 0;
    if (host.channel !== undefined) host.wire.push({ control: "epoch", value: { channel: host.channel, epoch: host.epoch, offset: 0 } });
  };
  const settle = (): void => {
    for (let i = 0; i < 4000; i++) {
      host.queue.shift()?.();
      pump();
      while (host.wire.length > 0) deliverToRelay();
      for (const viewer of viewers) {
        while (viewer.inbox.length > 0) {
          answerSync(viewer);
          deliverToViewer(viewer);
        }
        confirm(viewer, 1);
      }
      freed();
      if (
        host.queue.length === 0 &&
        host.sent === host.head &&
        viewers.every((viewer) => viewer.cursor?.offset === host.head && viewer.cursor.epoch === host.epoch)
      )
        return;
    }
    throw new Violation(
      `did not settle: head ${host.head}, sent ${host.sent}, acked ${host.acked}, ${viewers.map((viewer) => `${viewer.id} at ${JSON.stringify(viewer.cursor)} ${JSON.stringify(channel.streamOf(viewer))}`).join("; ")}`,
    );
  };

  join(undefined);
  for (let step = 0; step < steps; step++) {
    const dice = random();
    if (dice < 0.25) {
      host.head += 1 + int(dice < 0.02 ? 600_000 : 60_000);
      host.ringStart = Math.max(host.ringStart, host.head - 1_000_000);
    } else if (dice < 0.45) pump();
    else if (dice < 0.6) host.queue.shift()?.();
    else if (dice < 0.8) for (let i = 0; i < 4; i++) deliverToRelay();
    const viewer = viewers[int(viewers.length)];
    if (viewer !== undefined && dice > 0.3) {
      for (let i = int(6); i > 0; i--) {
        answerSync(viewer);
        deliverToViewer(viewer);
      }
      if (random() < 0.5) confirm(viewer, random() < 0.3 ? 1 : random());
    }
    if (random() < 0.02 && viewers.length < 6) join(undefined);
    if (random() < 0.015) leave();
    if (random() < 0.006) wake();
    if (random() < 0.004) cutLink();
    if (random() < 0.001) newEpoch();
    if (viewer !== undefined && random() < 0.01) channel.history(viewer, 500);
    if (memory.used > 8 * (VIEWER_CREDIT_BYTES + 20_000)) throw new Violation(`memory ${memory.used}`);
    if (memory.used < 0) throw new Violation(`memory below zero: ${memory.used}`);
  }
  // The program floods, and everybody reloads: what they see next may be far ahead of what is sent.
  if (random() < 0.5) {
    host.head += 1 + int(900_000);
    for (const viewer of viewers.splice(0)) {
      channel.leave(viewer, random() < 0.5);
      if (random() < 0.7) join(undefined);
    }
  }
  if (viewers.length === 0) join(undefined);
  settle();
  return { taken: stats.taken, gaps, snapshots, beyond };
}

const SEEDS = Array.from({ length: Number(process.env["FUZZ_SEEDS"] ?? 12) }, (_, i) => i + 1);
const STEPS = 1000;

test("[VW4] [CH4] [CH5] whatever happens, every viewer shows what the program wrote", () => {
  const total = { taken: 0, gaps: 0, snapshots: 0, beyond: 0 };
  for (const seed of SEEDS) {
    try {
      const { taken, gaps, snapshots, beyond } = run(seed, STEPS);
      total.taken += taken;
      total.gaps += gaps;
      total.snapshots += snapshots;
      total.beyond += beyond;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  // Otherwise it proved nothing.
  expect(total.taken).toBeGreaterThan(1_000_000);
  expect(total.gaps).toBeGreaterThan(10);
  expect(total.snapshots).toBeGreaterThan(10);
  expect(total.beyond).toBeGreaterThan(10);
}, 60_000);

test.each([
  ["a frame that is moved by a byte", { corruptOffset: true }],
  ["a frame that is repeated under another offset", { twice: true }],
  ["a frame that is lost", { dropFrame: true }],
  ["credit that is not counted", { ignoreCredit: true }],
  ["a host that is not told that viewers are ahead of it", { muteAhead: true }],
  ["a screen that is announced for another place", { shiftScreen: true }],
] satisfies [string, Faults][])("[VW4] the fuzz notices %s", (_what, fault) => {
  const noticed = SEEDS.some((seed) => {
    try {
      run(seed, STEPS, fault);
      return false;
    } catch (error) {
      if (error instanceof Violation) return true;
      throw error;
    }
  });
  expect(noticed).toBe(true);
});
