import { describe, expect, it } from "vitest";
import { consoleDelayMs, MAX_CEILING_MS, nextAttempt, STABLE_AFTER_MS } from "./backoff.ts";

describe("redial of the console", () => {
  it("[VW6] the ceiling doubles from 250 ms to 15 s and the delay is anywhere under it", () => {
    expect([0, 1, 2, 3, 6, 7, 40].map((attempt) => consoleDelayMs(attempt, 0.999_999))).toEqual([
      249, 499, 999, 1999, 14_999, 14_999, 14_999,
    ]);
    expect(consoleDelayMs(9, 0)).toBe(0);
    for (let attempt = 0; attempt < 64; attempt++) expect(consoleDelayMs(attempt, 0.5)).toBeLessThan(MAX_CEILING_MS);
  });

  it("[VW6] only a connection that lasted starts the series again", () => {
    expect(nextAttempt(4, 0)).toBe(5);
    expect(nextAttempt(4, STABLE_AFTER_MS - 1)).toBe(5);
    expect(nextAttempt(4, STABLE_AFTER_MS)).toBe(0);
  });
});
