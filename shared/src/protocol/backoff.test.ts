import { expect, test } from "vitest";
import { FIRST_CEILING_MS, MAX_CEILING_MS, redialDelayMs, SPREAD_MS, spreadDelayMs } from "./backoff.ts";

const almostOne = 1 - Number.EPSILON;

test("[LK5] the first redial comes within five seconds, anywhere in them", () => {
  expect(redialDelayMs(0, 0)).toBe(0);
  expect(redialDelayMs(0, 0.5)).toBe(FIRST_CEILING_MS / 2);
  expect(redialDelayMs(0, almostOne)).toBeLessThan(FIRST_CEILING_MS);
});

test("[LK5] the ceiling doubles up to a minute and stays there", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 100, 1e9].map((attempt) => Math.ceil(redialDelayMs(attempt, almostOne) / 1000));
  expect(ceilings).toEqual([5, 10, 20, 40, 60, 60, 60, 60]);
  expect(redialDelayMs(1e9, almostOne)).toBeLessThan(MAX_CEILING_MS);
});

test("[LK5] a thousand hosts do not come back together", () => {
  const delays = Array.from({ length: 1000 }, (_, i) => spreadDelayMs(i / 1000));
  expect(new Set(delays.map((ms) => Math.floor(ms / 1000))).size).toBe(SPREAD_MS / 1000);
});

test("[LK5] a scale shortens every wait alike", () => {
  expect(redialDelayMs(2, 0.5, 0.01)).toBe(redialDelayMs(2, 0.5) / 100);
  expect(spreadDelayMs(0.5, 0.01)).toBe(spreadDelayMs(0.5) / 100);
});
