import { expect, test } from "vitest";
import { retryAt } from "./reset-time.ts";

const NOW = Date.parse("2026-11-28T15:20:00.000Z");

test.each([
  ["Claude AI usage limit reached|1795888800", "2026-11-28T18:00:00.000Z"],
  ["You've hit your session limit · resets 5:45pm (UTC)", "2026-11-28T17:45:00.000Z"],
  ["You've hit your limit · resets 3pm (America/New_York)", "2026-11-28T20:00:00.000Z"],
  ["You've hit your limit · resets 3am (Asia/Kolkata)", "2026-11-28T21:30:00.000Z"],
  ["You've hit your weekly limit · resets Dec 2, 9am (UTC)", "2026-12-02T09:00:00.000Z"],
  ["You've hit your weekly limit · resets Jan 3 at 9am (UTC)", "2027-01-03T09:00:00.000Z"],
  ["try again at Nov 30th, 2026 5:53 PM (UTC)", "2026-11-30T17:53:00.000Z"],
  ["Rate limit reached for m. Please try again in 2h0m0s.", "2026-11-28T17:20:00.000Z"],
  ["Please try again in 20s", "2026-11-28T15:20:20.000Z"],
  ["Try again in 2 days 3 hours 5 minutes.", "2026-11-30T18:25:00.000Z"],
  ["Please retry in 34.5s", "2026-11-28T15:20:34.500Z"],
  ["retry-after: 120", "2026-11-28T15:22:00.000Z"],
  ["retry after 90 seconds", "2026-11-28T15:21:30.000Z"],
  ['{"resets_at":1795888800}', "2026-11-28T18:00:00.000Z"],
  ["Quota will reset at 2026-11-28T23:00:00Z.", "2026-11-28T23:00:00.000Z"],
])("%s", (text, at) => {
  expect(retryAt(text, NOW)).toBe(at);
});

test.each([
  "This request would exceed your account's rate limit. Please try again later.",
  "resets 5 (Mars/Olympus)",
  "limit reached|1000000000",
  "Quota will reset at 2099-01-01T00:00:00Z.",
  "retry after 0",
  "",
])("no time in: %s", (text) => {
  expect(retryAt(text, NOW)).toBeUndefined();
});
