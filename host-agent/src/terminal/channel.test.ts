import { expect, test } from "vitest";
import { LINK_CREDIT_BYTES } from "@maestro/shared/limits";
import { decodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import { pick, seededRandom } from "../holder/testing/random.ts";
import { Channel, MAX_QUEUED_BYTES } from "./channel.ts";

function drain(channel: Channel): (Frame | string)[] {
  const out: (Frame | string)[] = [];
  let nowMs = 0;
  for (;;) {
    const next = channel.next(nowMs);
    if (next.type === "idle") return out;
    if (next.type === "wait") {
      nowMs = next.untilMs;
      continue;
    }
    const taken = channel.take(nowMs);
    if (taken?.type === "text") out.push(taken.text);
    if (taken?.type === "binary") {
      const frame = decodeFrame(taken.bytes);
      if (frame.ok && frame.value !== undefined) out.push(frame.value);
    }
  }
}
const text = (frames: (Frame | string)[]) =>
  frames.map((frame) => (typeof frame === "string" ? "" : Buffer.from(frame.payload).toString())).join("");
const bytes = (value: string) => Buffer.from(value);

test("[CH4] nothing leaves before the relay knows the channel, and what came early is in order", () => {
  const channel = new Channel(1, "ses_a");
  channel.output(1, 10, false, { bytes: bytes("ab"), room: 0 });
  expect(channel.next(0)).toEqual({ type: "idle" });
  channel.open({ epoch: 1, offset: 10 });
  channel.output(1, 12, false, { bytes: bytes("cd"), room: 0 });
  expect(text(drain(channel))).toBe("abcd");
});

test("[CH4] output of a subscription that was replaced is void", () => {
  const channel = new Channel(1, "ses_a");
  channel.open({ epoch: 1, offset: 0 });
  channel.reopen();
  channel.output(1, 500, false, { bytes: bytes("stale"), room: 0 });
  channel.output(1, 100, false, { bytes: bytes("fresh"), room: 0 });
  channel.open({ epoch: 1, offset: 100 });
  expect(text(drain(channel))).toBe("fresh");
});

test("[CH1] repeated and overlapping output is taken once", () => {
  const channel = new Channel(1, "ses_a");
  channel.open({ epoch: 1, offset: 0 });
  channel.output(1, 0, false, { bytes: bytes("abc"), room: 0 });
  channel.output(1, 0, false, { bytes: bytes("abc"), room: 0 });
  channel.output(1, 2, false, { bytes: bytes("cde"), room: 0 });
  expect(text(drain(channel))).toBe("abcde");
});

test("[VW4] an acknowledgement of another epoch, repeated, or going back grants nothing", () => {
  const channel = new Channel(1, "ses_a");
  channel.open({ epoch: 1, offset: 0 });
  channel.output(1, 0, false, { bytes: bytes("0123456789"), room: 0 });
  drain(channel);
  expect(channel.ack(2, 5)).toBe(false);
  expect(channel.ack(1, 5)).toBe(true);
  expect(channel.ack(1, 5)).toBe(false);
  expect(channel.ack(1, 3)).toBe(false);
  expect(channel.ack(1, 99)).toBe(true);
  expect(channel.grant).toEqual({ epoch: 1, upTo: 10 + LINK_CREDIT_BYTES });
});

test("[CH5] a hole in live output moves the credit behind it; the answer to a need does not", () => {
  const channel = new Channel(1, "ses_a");
  channel.open({ epoch: 1, offset: 1_000 });
  expect(channel.gap(1, 0, 900)).toBe(false);
  expect(channel.grant.upTo).toBe(1_000 + LINK_CREDIT_BYTES);
  expect(channel.gap(1, 1_000, 5_000)).toBe(true);
  expect(channel.grant.upTo).toBe(5_000 + LINK_CREDIT_BYTES);
  expect(drain(channel)).toHaveLength(2);
});

test("[CH5] a holder that ignores its grant costs bounded memory, and the loss is told", () => {
  const channel = new Channel(1, "ses_a");
  channel.open({ epoch: 1, offset: 0 });
  const chunk = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 20; i++) channel.output(1, i * chunk.byteLength, false, { bytes: chunk, room: 0 });
  expect(channel.queuedBytes).toBeLessThanOrEqual(MAX_QUEUED_BYTES);
  const gaps = drain(channel).filter((frame) => typeof frame === "string");
  expect(gaps.map((gap) => JSON.parse(gap))).toEqual([{ t: "gap", channel: 1, epoch: 1, from: 12 * 1024 * 1024, to: 20 * 1024 * 1024 }]);
});

test("[CH1] bytes that lie behind room for a header become frames as any others, and no frame writes into another", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const channel = new Channel(7, "ses_a");
    channel.open({ epoch: 1, offset: 0 });
    const sent: Buffer[] = [];
    const frames: Uint8Array[] = [];
    let offset = 0;
    for (let turn = 0; turn < 40; turn++) {
      const room = pick(random, [0, 15, 16, 40]);
      const length = 1 + Math.floor(random() ** 3 * 300_000);
      const memory = Buffer.alloc(room + length, Math.floor(random() * 256));
      const chunk = { bytes: memory.subarray(room), room };
      // Some of it twice: only what is new goes on.
      const again = Math.min(offset, random() < 0.2 ? Math.floor(random() * length) : 0);
      channel.output(1, offset - again, false, chunk);
      sent.push(Buffer.from(chunk.bytes.subarray(again)));
      offset += length - again;
      for (let taken = Math.floor(random() * 4); taken > 0; taken--) {
        const frame = channel.take(turn);
        if (frame?.type === "binary") frames.push(frame.bytes);
      }
    }
    for (let frame = channel.take(0); frame !== undefined; frame = channel.take(0)) if (frame.type === "binary") frames.push(frame.bytes);
    const decoded = frames.flatMap((frame) => {
      const { ok, value } = { value: undefined, ...decodeFrame(frame) };
      return ok && value !== undefined ? [value] : [];
    });
    let at = 0;
    for (const frame of decoded) {
      expect(frame, `seed ${seed}`).toMatchObject({ kind: "output", flags: 0, epoch: 1, channel: 7, offset: at });
      at += frame.payload.byteLength;
    }
    expect(Buffer.concat(decoded.map(({ payload }) => payload)).equals(Buffer.concat(sent)), `seed ${seed}`).toBe(true);
  }
});
