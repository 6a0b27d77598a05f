import { expect, test } from "vitest";
import { maestroError, type ErrorCode } from "@maestro/shared/errors";
import { CLOSE_TABLE } from "@maestro/shared/protocol/close-codes";
import { decideRedial, freshRedial, WAIT_MS, type Outcome } from "./redial.ts";

const closed = (code: number, openMs = 0): Outcome => ({ type: "closed", code, reason: "", openMs });
const refused = (code: ErrorCode, status: number, retryAfterMs?: number): Outcome => ({
  type: "refused",
  status,
  error: maestroError(code, "x"),
  retryAfterMs,
});
const decide = (outcome: Outcome, state = freshRedial, corrected = false, random = 0.5) =>
  decideRedial(state, outcome, corrected, random, 1);

test("[LK5] the first redial comes within 5 s, then twice as late at most, up to 60 s", () => {
  let state = freshRedial;
  const ceilings = [];
  for (let i = 0; i < 7; i++) {
    const decision = decideRedial(state, closed(1006), false, 0.999_999, 1);
    if (decision.type !== "after") throw new Error(decision.type);
    ceilings.push(Math.round(decision.ms / 1000));
    state = decision.state;
  }
  expect(ceilings).toEqual([5, 10, 20, 40, 60, 60, 60]);
});

test("[LK5] thirty stable seconds forget all failures before", () => {
  const decision = decide(closed(1006, 30_000), { attempt: 6, superseded: 1, corrections: 2 });
  expect(decision).toMatchObject({ type: "after", ms: 2_500, state: { attempt: 1, superseded: 0 } });
});

test.each(Object.keys(CLOSE_TABLE).map(Number))("[LK6] close code %i is followed as the shared table says, and strands no host", (code) => {
  const decision = decide(closed(code));
  const waits = code === 4401 || code === 4403 || code === 4404 || code === 4426;
  expect(decision.type).toBe(waits ? "wait" : "after");
  if (decision.type !== "stop") expect(decision.ms).toBeLessThanOrEqual(WAIT_MS);
});

test("[LK6] after 1001 and 1012 hosts spread over 30 s", () => {
  expect(decide(closed(1001), freshRedial, false, 0.5)).toMatchObject({ ms: 15_000 });
  expect(decide(closed(1012), freshRedial, false, 0.999_999)).toMatchObject({ ms: 29_999 });
});

test("[LK2] superseded redials once; a second time it waits, so two instances do not fight", () => {
  const first = decide(closed(4409));
  expect(first.type).toBe("after");
  if (first.type !== "after") return;
  expect(decide(closed(4409), first.state).type).toBe("wait");
});

test("[LK1] a corrected clock is tried at once, and not for ever", () => {
  let state = freshRedial;
  const delays = [];
  for (let i = 0; i < 4; i++) {
    const decision = decideRedial(state, refused("clock_skew", 401), true, 0.5, 1);
    if (decision.type !== "after") throw new Error(decision.type);
    delays.push(decision.ms);
    state = decision.state;
  }
  expect(delays.slice(0, 3)).toEqual([0, 0, 0]);
  expect(delays[3]).toBeGreaterThan(0);
});

test.each([
  ["host_unknown", 401],
  ["signature_invalid", 401],
  ["host_locked", 403],
  ["upgrade_required", 426],
] as const)("[LK5] a refusal by %s waits for a change", (code, status) => {
  expect(decide(refused(code, status))).toMatchObject({ type: "wait", why: code });
});

test.each([
  ["epoch_stale", 409],
  ["nonce_replayed", 401],
  ["internal", 500],
  ["server_error", 502],
  ["server_error", 404],
] as const)("[LK5] %s (%i) is retried with backoff", (code, status) => {
  expect(decide(refused(code, status)).type).toBe("after");
});

test("[LK5] Retry-After is honoured as a minimum", () => {
  expect(decide(refused("rate_limited", 429, 20_000))).toMatchObject({ type: "after", ms: 20_000 });
});

test("[LK5] nothing follows the daemon's own stop", () => {
  expect(decide({ type: "stopped" })).toEqual({ type: "stop" });
});
