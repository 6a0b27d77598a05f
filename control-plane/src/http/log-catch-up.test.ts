import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { untilQuiet } from "./log-catch-up.ts";

/** The far end of a socket, as the Worker holds it. */
class Far extends EventTarget {
  closed = false;
  accept(): void {}
  close(): void {
    this.closed = true;
  }
  say(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const begin = (): Far => {
  const far = new Far();
  void untilQuiet(far as unknown as WebSocket, 1);
  return far;
};
const closesAfter = (far: Far, ms: number): void => {
  vi.advanceTimersByTime(ms - 1);
  expect(far.closed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(far.closed).toBe(true);
};

test("[LG1] a host that has nothing new is waited for half a second", () => closesAfter(begin(), 500));

test("[LG1] what waited comes in one go: a moment after its last piece nothing is waited for", () => {
  const far = begin();
  vi.advanceTimersByTime(100);
  far.say(new ArrayBuffer(9));
  closesAfter(far, 50);
});

test("[LG1] a log that grows all the time holds up nobody for more than a second", () => {
  const far = begin();
  for (let ms = 0; ms < 1_000; ms += 20) {
    expect(far.closed).toBe(false);
    far.say(new ArrayBuffer(9));
    vi.advanceTimersByTime(20);
  }
  expect(far.closed).toBe(true);
});

test("[LG3] its end is a word", () => {
  const far = begin();
  far.say("{}");
  expect(far.closed).toBe(true);
});
