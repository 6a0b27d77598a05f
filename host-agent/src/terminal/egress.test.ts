import { expect, test } from "vitest";
import { decodeFrame } from "@maestro/shared/protocol/frame";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { Channel } from "./channel.ts";
import { Egress, MAX_CONTROL_QUEUE, type FrameSink } from "./egress.ts";

class Sink implements FrameSink {
  readonly out: (string | { channel: number; bytes: number })[] = [];
  bufferedBytes = 0;
  stuck = false;
  sendText(text: string): void {
    this.out.push(text);
    if (this.stuck) this.bufferedBytes += text.length;
  }
  sendBinary(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (!frame.ok || frame.value === undefined) throw new Error("bad frame");
    this.out.push({ channel: frame.value.channel, bytes: frame.value.payload.byteLength });
    if (this.stuck) this.bufferedBytes += bytes.byteLength;
  }
}

function setUp() {
  const sink = new Sink();
  const clock = new VirtualClock();
  let overflowed = 0;
  const egress = new Egress(sink, clock, { overflow: () => (overflowed += 1), sent: () => {} });
  const open = (id: number) => {
    const channel = new Channel(id, `ses_${id}`);
    channel.open({ epoch: 0, offset: 0 });
    egress.add(channel);
    return channel;
  };
  return { sink, clock, egress, open, overflows: () => overflowed };
}

test("[CH3] a flood on one channel delays another channel by at most one of its frames", () => {
  const { sink, egress, open } = setUp();
  const flood = open(1);
  const calm = open(2);
  sink.bufferedBytes = Number.MAX_SAFE_INTEGER;
  flood.output(0, 0, false, { bytes: new Uint8Array(200 * 1024), room: 0 });
  egress.touch(flood);
  calm.output(0, 0, false, { bytes: new Uint8Array(1), room: 0 });
  egress.touch(calm);
  sink.bufferedBytes = 0;
  egress.pump();
  expect(sink.out.findIndex((frame) => typeof frame !== "string" && frame.channel === 2)).toBeLessThanOrEqual(1);
});

test("[CH3] an echo finds a token of the frame budget even while floods have used up theirs", () => {
  const { sink, clock, egress, open } = setUp();
  const floods = Array.from({ length: 100 }, (_, i) => open(i + 1));
  for (const flood of floods) {
    flood.output(0, 0, false, { bytes: new Uint8Array(64 * 1024), room: 0 });
    egress.touch(flood);
  }
  expect(sink.out.length).toBeLessThan(floods.length);
  const shell = open(200);
  shell.output(0, 0, false, { bytes: Uint8Array.of(120), room: 0 });
  egress.touch(shell);
  expect(sink.out.at(-1)).toEqual({ channel: 200, bytes: 1 });
  for (let i = 0; i < 200; i++) clock.advance(1);
  expect(sink.out).toHaveLength(floods.length + 1);
});

test("[CH3] control frames do not wait behind a flood", () => {
  const { sink, egress, open } = setUp();
  const flood = open(1);
  sink.stuck = true;
  flood.output(0, 0, false, { bytes: new Uint8Array(250 * 1024), room: 0 });
  egress.touch(flood);
  egress.control("answer");
  expect(sink.out.at(-1)).toBe("answer");
});

test("[CH3] a socket that does not drain is given no more data than its high water, and goes on when it drained", () => {
  const { sink, egress, open, clock } = setUp();
  sink.stuck = true;
  const channels = Array.from({ length: 20 }, (_, i) => open(i + 1));
  for (const channel of channels) {
    channel.output(0, 0, false, { bytes: new Uint8Array(200 * 1024), room: 0 });
    egress.touch(channel);
  }
  expect(sink.bufferedBytes).toBeLessThan(400 * 1024);
  sink.stuck = false;
  sink.bufferedBytes = 0;
  egress.pump();
  for (let i = 0; i < 1_000; i++) clock.advance(1);
  const total = sink.out.reduce((sum, frame) => sum + (typeof frame === "string" ? 0 : frame.bytes), 0);
  expect(total).toBe(20 * 200 * 1024);
});

test("[CH3] the queue of control frames is bounded: a peer that asks and never reads loses its link", () => {
  const { sink, egress, overflows } = setUp();
  sink.bufferedBytes = Number.MAX_SAFE_INTEGER;
  for (let i = 0; i <= MAX_CONTROL_QUEUE; i++) egress.control("x");
  expect(overflows()).toBe(1);
});

test("[CH3] what was held goes out when its window ends", () => {
  const { sink, egress, open, clock } = setUp();
  const channel = open(1);
  channel.output(0, 0, false, { bytes: new Uint8Array(5_000), room: 0 });
  egress.touch(channel);
  channel.output(0, 5_000, false, { bytes: new Uint8Array(10), room: 0 });
  egress.touch(channel);
  expect(sink.out).toHaveLength(1);
  clock.advance(5);
  expect(sink.out).toEqual([
    { channel: 1, bytes: 5_000 },
    { channel: 1, bytes: 10 },
  ]);
});

test("[LG1] logs give way: to answers, to channels, and to what is still on its way", () => {
  const { sink, clock, egress, open } = setUp();
  const log = (): void => egress.whenQuiet(() => sink.sendText("log"));
  log();
  expect(sink.out.splice(0)).toEqual(["log"]);
  // Held back while the socket has more than an echo should wait for.
  sink.bufferedBytes = 65 * 1024;
  log();
  log();
  expect(sink.out).toEqual([]);
  const shell = open(1);
  sink.bufferedBytes = 2 * 1024 * 1024;
  shell.output(0, 0, false, { bytes: Uint8Array.of(120), room: 0 });
  egress.touch(shell);
  egress.control("answer");
  expect(sink.out).toEqual([]);
  sink.bufferedBytes = 0;
  egress.pump();
  clock.advance(100);
  expect(sink.out).toEqual(["answer", { channel: 1, bytes: 1 }, "log", "log"]);
});

test("[LG1] logs count as frames of the second, and nothing is called after the link's end", () => {
  const { sink, clock, egress } = setUp();
  for (let at = 0; at < 5_000; at += 1) egress.whenQuiet(() => sink.sendText("log"));
  for (let ms = 0; ms < 1_000; ms += 5) clock.advance(5);
  expect(sink.out.length).toBeGreaterThan(500);
  expect(sink.out.length).toBeLessThanOrEqual(1_000);
  egress.close();
  const before = sink.out.length;
  clock.advance(1_000);
  egress.whenQuiet(() => sink.sendText("late"));
  expect(sink.out.length).toBe(before);
});
