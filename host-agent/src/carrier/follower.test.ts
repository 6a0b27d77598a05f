/** What is followed over a channel that is not what it was. */
import { afterEach, expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { silentLog } from "../daemon/log.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { Follower, type Followed } from "./follower.ts";
import type { News } from "./news.ts";

/** The far side: each channel that was opened, until it is given up. */
class FarSide {
  readonly opened: { heard(news: News): void; follows: string[]; ended: Promise<void> }[] = [];
  #waiting = Promise.withResolvers<void>();

  readonly watch = (heard: (news: News) => void, signal: AbortSignal) => {
    const over = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => over.resolve(), { once: true });
    const follows: string[] = [];
    this.opened.push({ heard, follows, ended: over.promise });
    this.#waiting.resolve();
    return Promise.resolve(
      ok({
        follow: (name: string, offset: number) => void follows.push(`${name} ${offset}`),
        drop: () => {},
        seen: () => {},
        close: () => over.resolve(),
        closed: over.promise.then(() => undefined),
      }),
    );
  };

  async channel(n: number) {
    for (;;) {
      const found = this.opened[n];
      if (found !== undefined) return found;
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
    }
  }
}

const stop = new AbortController();
afterEach(() => stop.abort());

test("one over which nothing is heard any more is given up, and what is followed is followed over another", async () => {
  const clock = new VirtualClock();
  const far = new FarSide();
  const follower = new Follower({ hand: far, clock, timeScale: 1, log: silentLog });
  let bytes = 0;
  const followed: Followed = {
    offset: () => bytes,
    log: (news) => void (bytes += news.bytes.byteLength),
    child: () => {},
    usage: () => {},
    over: () => {},
  };
  const running = follower.run(stop.signal);
  follower.add("att_one", followed);
  const first = await far.channel(0);
  // A line that is slow, and not silent.
  for (let i = 0; i < 10; i++) {
    clock.advance(20_000);
    first.heard(i % 2 === 0 ? { type: "beat" } : { type: "log", name: "att_one", offset: bytes, bytes: Buffer.from("x") });
    await Promise.resolve();
  }
  expect(far.opened.length).toBe(1);
  const second = far.channel(1);
  for (let i = 0; i < 6; i++) {
    clock.advance(20_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await first.ended;
  expect((await second).follows).toEqual(["att_one 5"]);
  stop.abort();
  clock.advance(60_000);
  await running;
});

test("one that ends as soon as something was heard is opened again ever less often", async () => {
  const clock = new VirtualClock();
  let opened = 0;
  const follower = new Follower({
    hand: {
      watch(heard) {
        opened += 1;
        heard({ type: "beat" });
        const closed = Promise.resolve(undefined);
        return Promise.resolve(ok({ follow: () => {}, drop: () => {}, seen: () => {}, close: () => {}, closed }));
      },
    },
    clock,
    timeScale: 1,
    log: silentLog,
  });
  const here = new AbortController();
  const running = follower.run(here.signal);
  follower.add("att_one", { offset: () => 0, log: () => {}, child: () => {}, usage: () => {}, over: () => {} });
  for (let seconds = 0; seconds < 120; seconds++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  }
  expect(opened).toBeGreaterThan(5);
  expect(opened).toBeLessThan(20);
  here.abort();
  clock.advance(60_000);
  await running;
});
