import { expect, test } from "vitest";
import { CLOSE, CLOSE_TABLE, isCloseCode, redialFor } from "./close-codes.ts";

test("[LK6] every close code stands in the one table, with a reason a socket can carry", () => {
  expect(new Set<number>(Object.values(CLOSE))).toEqual(new Set(Object.keys(CLOSE_TABLE).map(Number)));
  for (const { reason } of Object.values(CLOSE_TABLE)) expect(reason).toMatch(/^[a-z_]{1,123}$/);
});

test("[LK5] only credentials, rights, versions and vanished sessions wait for a change", () => {
  const waiting = Object.entries(CLOSE_TABLE).flatMap(([code, row]) => (row.redial === "wait" ? Number(code) : []));
  expect(waiting).toEqual([4401, 4403, 4404, 4426]);
});

test("[LK5] codes of the platform and unknown ones are redialled with backoff", () => {
  for (const code of [1005, 1006, 1011, 1015, 4999, 0]) expect(redialFor(code)).toBe("backoff");
});

test("[LK6] a bad frame is retried, so that a bug strands no host", () => {
  expect(redialFor(CLOSE.badFrame)).toBe("backoff");
});

test("[LK2] a superseded connection redials once", () => {
  expect(redialFor(CLOSE.superseded)).toBe("once");
});

test("[LK5] a restart spreads the redials", () => {
  expect([redialFor(1001), redialFor(1012)]).toEqual(["spread", "spread"]);
});

test("a property of Object is no close code", () => {
  expect(isCloseCode(4400)).toBe(true);
  expect(isCloseCode(Number.NaN)).toBe(false);
});
