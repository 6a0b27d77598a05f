import { describe, expect, test } from "vitest";
import { decideFlow, PAUSE_ABOVE_BYTES, RESUME_BELOW_BYTES, type WatcherFlow } from "./flow.ts";

const KiB = 1024;
const behind: WatcherFlow = { unsent: 300 * KiB, progressMs: 0, holdMs: 2_000 };
const near: WatcherFlow = { unsent: 10 * KiB, progressMs: 0, holdMs: 2_000 };
const decide = (nowMs: number, watchers: readonly WatcherFlow[], parserLag = 0, paused = false): string =>
  decideFlow({ nowMs, paused, parserLag, yieldUntilMs: 0, watchers }).type;

describe("[CH5] who holds a program", () => {
  test("a session that nobody watches never blocks its program", () => {
    expect(decide(0, [])).toBe("run");
  });

  test("a watcher more than 256 KiB behind holds it, one at 256 KiB does not", () => {
    expect(decide(0, [behind])).toBe("pause");
    expect(decide(0, [{ ...behind, unsent: PAUSE_ABOVE_BYTES }])).toBe("run");
    expect(decide(0, [{ ...behind, unsent: PAUSE_ABOVE_BYTES + 1 }])).toBe("pause");
  });

  test("the program runs at the speed of the fastest watcher", () => {
    expect(decide(0, [behind, near])).toBe("run");
    expect(decide(0, [behind, behind])).toBe("pause");
  });

  test("a flood yields to whoever types elsewhere, until the moment it was told", () => {
    const flood = (nowMs: number) => decideFlow({ nowMs, paused: false, parserLag: 0, yieldUntilMs: 8, watchers: [near] });
    expect(flood(7.5)).toEqual({ type: "pause", untilMs: 8 });
    expect(flood(8)).toEqual({ type: "run" });
  });

  test("after 2 s without progress of anybody it runs on, and not a millisecond before", () => {
    expect(decide(1_999, [behind, behind])).toBe("pause");
    expect(decide(2_000, [behind, behind])).toBe("run");
    expect(decideFlow({ nowMs: 500, paused: false, parserLag: 0, yieldUntilMs: 0, watchers: [behind] })).toEqual({
      type: "pause",
      untilMs: 2_000,
    });
  });

  test("progress of one of them begins the time anew", () => {
    expect(decide(2_500, [behind, { ...behind, progressMs: 1_000 }])).toBe("pause");
    expect(decide(3_000, [behind, { ...behind, progressMs: 1_000 }])).toBe("run");
  });

  test("while the link is away the hold is 10 s", () => {
    const away = { ...behind, holdMs: 10_000 };
    expect(decide(9_999, [away])).toBe("pause");
    expect(decide(10_000, [away])).toBe("run");
  });

  test("a hold of nothing never pauses", () => {
    expect(decide(0, [{ ...behind, holdMs: 0 }])).toBe("run");
  });

  test("the parser holds it above 256 KiB until it has come to 128 KiB, however long that takes", () => {
    expect(decide(0, [], PAUSE_ABOVE_BYTES)).toBe("run");
    expect(decideFlow({ nowMs: 1e9, paused: false, parserLag: PAUSE_ABOVE_BYTES + 1, yieldUntilMs: 0, watchers: [] })).toEqual({
      type: "pause",
      untilMs: undefined,
    });
    expect(decide(0, [], RESUME_BELOW_BYTES + 1, true)).toBe("pause");
    expect(decide(0, [], RESUME_BELOW_BYTES, true)).toBe("run");
  });
});
