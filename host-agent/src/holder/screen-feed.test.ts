import { afterAll, expect, test } from "vitest";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { Ring } from "./ring.ts";
import { ScreenFeed } from "./screen-feed.ts";
import { ScreenHost } from "./screen-host.ts";

const KiB = 1024;
const screens = new ScreenHost((detail) => {
  throw new Error(detail);
});
afterAll(() => screens.close());

function setUp({ ringBytes = 2 * KiB * KiB } = {}) {
  const virtual = new VirtualClock();
  const clock = {
    now: () => virtual.wallMs(),
    monotonicMs: () => virtual.monotonicMs(),
    after: (ms: number, run: () => void) => virtual.after(ms, run),
  };
  const ring = new Ring(ringBytes);
  let lapped = 0;
  let parsedTo = 0;
  let arrived = (): void => undefined;
  const feed = new ScreenFeed(screens, ring, { cols: 80, rows: 24 }, clock, {
    progress: () => {
      parsedTo = ring.end - feed.lag;
      arrived();
    },
    title: () => undefined,
    reply: () => undefined,
    lapped: () => (lapped += 1),
  });
  const output = (text: string, deferrable: boolean): void => {
    ring.append(Buffer.from(text));
    feed.grew({ urgent: true, deferrable });
  };
  const parsed = (offset: number): Promise<void> =>
    new Promise((resolve) => {
      arrived = () => parsedTo >= offset && resolve();
      arrived();
    });
  const shown = async (): Promise<string> => Buffer.from((await feed.text())?.bytes ?? []).toString("utf8");
  return { virtual, ring, feed, output, parsed, shown, lapped: () => lapped };
}

const lines = (bytes: number): string => `${"x".repeat(78)}\r\n`.repeat(Math.ceil(bytes / 80));

test("[CH5] a flood that cannot be held is parsed when it is over, and misses nothing", async () => {
  const { virtual, ring, feed, output, parsed, shown, lapped } = setUp();
  output("before\r\n", true);
  for (let i = 0; i < 8; i++) output(lines(100 * KiB), true);
  output("the end", true);
  expect(feed.deferred).toBe(true);
  expect(await shown()).not.toContain("the end");
  // One window that still grew, and a calm one.
  virtual.advance(200);
  await parsed(ring.end);
  expect(await shown()).toContain("the end");
  expect(lapped()).toBe(0);
});

test("[CH5] it waits on while the flood lasts, and one that outran the ring is told", () => {
  const { virtual, feed, output, lapped } = setUp({ ringBytes: 256 * KiB });
  for (let turn = 0; turn < 5; turn++) {
    for (let i = 0; i < 8; i++) output(lines(100 * KiB), true);
    expect(lapped()).toBe(0);
    virtual.advance(99);
  }
  virtual.advance(101);
  expect(feed.deferred).toBe(false);
  expect(lapped()).toBe(1);
});

test("[CH5] a program that can be held is parsed as it goes", async () => {
  const { ring, feed, output, parsed, shown } = setUp();
  for (let i = 0; i < 8; i++) output(lines(100 * KiB), false);
  output("the end", false);
  expect(feed.deferred).toBe(false);
  await parsed(ring.end);
  expect(await shown()).toContain("the end");
});

test("[CH5] the end of the program ends the wait", async () => {
  const { ring, feed, output, parsed, shown } = setUp();
  for (let i = 0; i < 8; i++) output(lines(100 * KiB), true);
  output("the end", true);
  feed.settle();
  await parsed(ring.end);
  expect(await shown()).toContain("the end");
});

test("an echo is parsed a moment later, together with what follows it, and at once when somebody asks", async () => {
  const { virtual, ring, feed, shown, parsed } = setUp();
  ring.append(Buffer.from("l"));
  feed.grew({ urgent: false, deferrable: false });
  virtual.advance(49);
  ring.append(Buffer.from("s"));
  feed.grew({ urgent: false, deferrable: false });
  expect(feed.lag).toBe(2);
  virtual.advance(1);
  await parsed(2);
  ring.append(Buffer.from("!"));
  feed.grew({ urgent: false, deferrable: false });
  expect(await shown()).toContain("ls!");
});
