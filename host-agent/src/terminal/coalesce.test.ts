import { expect, test } from "vitest";
import { afterSend, BURST_BYTES, decide, FIRST_TARGET_BYTES, MAX_TARGET_BYTES, startPace, WINDOW_MS, type Pace } from "./coalesce.ts";
import { fullBudget, refill, takeToken, waitMs } from "./frame-budget.ts";

test("[CH3] an idle keystroke's echo goes at once, and so does the next one", () => {
  let pace = startPace();
  for (const nowMs of [0, 0.1, 0.2, 50, 50.5]) {
    expect(decide(pace, nowMs, 1)).toEqual({ type: "send" });
    pace = afterSend(pace, nowMs, 1);
  }
});

test("[CH3] once 4 KiB went out within 4 ms, less than a target is held to the end of the window", () => {
  let pace = afterSend(startPace(), 10, BURST_BYTES);
  expect(decide(pace, 11, 100)).toEqual({ type: "hold", untilMs: 10 + WINDOW_MS });
  expect(decide(pace, 11, FIRST_TARGET_BYTES)).toEqual({ type: "send" });
  expect(decide(pace, 10 + WINDOW_MS, 100)).toEqual({ type: "send" });
  pace = afterSend(pace, 10 + WINDOW_MS, 100);
  expect(decide(pace, 10 + WINDOW_MS + 1, 1)).toEqual({ type: "send" });
});

test("[CH3] frames grow while a flood lasts and shrink when it is over", () => {
  let pace: Pace = afterSend(startPace(), 0, BURST_BYTES);
  for (const nowMs of [1, 2, 3]) pace = afterSend(pace, nowMs, pace.targetBytes);
  expect(pace.targetBytes).toBe(MAX_TARGET_BYTES);
  pace = afterSend(pace, 100, 10);
  expect(pace.targetBytes).toBe(FIRST_TARGET_BYTES);
});

test("[CH3] in a flood of 4 KiB reads at 40 MB/s frames are at most an eighth of the reads, and ≤ 1,000 in a second", () => {
  let pace = startPace();
  let budget = fullBudget(0);
  let pending = 0;
  let frames = 0;
  let reads = 0;
  const readEveryMs = 4096 / 40_000;
  for (let nowMs = 0; nowMs < 1_000; nowMs += readEveryMs) {
    pending += 4096;
    reads += 1;
    budget = refill(budget, nowMs);
    if (decide(pace, nowMs, pending).type === "hold" || waitMs(budget, pending) > 0) continue;
    const bytes = Math.min(pending, MAX_TARGET_BYTES);
    pace = afterSend(pace, nowMs, bytes);
    budget = takeToken(budget);
    pending -= bytes;
    frames += 1;
  }
  expect(frames).toBeLessThanOrEqual(1_000);
  expect(frames).toBeLessThanOrEqual(reads / 8);
});

test("[CH3] the frame budget never lets more than 1,000 frames through in any second", () => {
  let budget = fullBudget(0);
  const sent: number[] = [];
  for (let nowMs = 0; nowMs < 3_000; nowMs += 0.25) {
    budget = refill(budget, nowMs);
    while (waitMs(budget, 1) === 0) {
      budget = takeToken(budget);
      sent.push(nowMs);
    }
  }
  for (const start of sent) expect(sent.filter((at) => at >= start && at < start + 1_000).length).toBeLessThanOrEqual(1_000);
});
