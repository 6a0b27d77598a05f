import { expect, test } from "vitest";
import { ERRORS, EXIT, exitCodeFor, fail, isErrorCode, maestroError, MaestroFailure, toProblem } from "./errors.ts";

const rows = Object.entries(ERRORS);

test.each(rows)("error %s has a status, an exit code and a title that make sense together", (code, row) => {
  expect(code).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
  expect(row.status).toBeGreaterThanOrEqual(400);
  expect(row.status).toBeLessThan(600);
  expect(Object.values(EXIT)).toContain(row.exit);
  expect(row.exit).not.toBe(EXIT.ok);
  expect(row.title).toMatch(/^[A-Z].*[^.]$/);
  if (row.status === 401) expect(row.exit).toBe(EXIT.auth);
  // What a request names beside its target is the request's own mistake (security.md, bad input 21).
  if (code.endsWith("_not_found") && code !== "dependency_not_found") expect([row.status, row.exit]).toEqual([404, EXIT.notFound]);
  if (code.endsWith("_exists")) expect([row.status, row.exit]).toEqual([409, EXIT.conflict]);
});

test("what a credential lacks is never worth a retry", () => {
  const wrong = rows.filter(([, row]) => row.status === 403 && "retryable" in row && row.retryable).map(([code]) => code);
  expect(wrong).toEqual([]);
});

test("a problem carries code, field, hint and request id, and the extras of its code beside them", () => {
  const error = maestroError("clock_skew", "The clock is 600 s off.", { extra: { serverTime: "2026-11-20T00:00:00Z" } });
  expect(toProblem(error, "req_1")).toEqual({
    type: "/problems/clock_skew",
    title: "Clock skew",
    status: 401,
    code: "clock_skew",
    detail: "The clock is 600 s off.",
    requestId: "req_1",
    serverTime: "2026-11-20T00:00:00Z",
  });
  expect(toProblem(maestroError("field_invalid", "d", { field: "name", hint: "h" }), "r")).toMatchObject({ field: "name", hint: "h" });
});

test("a problem has no key that was not given", () => {
  expect(Object.keys(toProblem(maestroError("timeout", "d"), "r")).toSorted()).toEqual([
    "code",
    "detail",
    "requestId",
    "status",
    "title",
    "type",
  ]);
});

test("a failure keeps its cause, and its message says code and detail", () => {
  const cause = new Error("ECONNREFUSED");
  const failure = fail("server_unreachable", "GET /me failed.", { hint: "Is it running?" }, cause);
  expect(failure).toBeInstanceOf(MaestroFailure);
  expect(failure.cause).toBe(cause);
  expect(failure.message).toBe("server_unreachable: GET /me failed.");
  expect("cause" in fail("usage", "d")).toBe(false);
});

test.each([
  ["host_not_found", 404, 9],
  ["from_the_future", 401, 4],
  ["from_the_future", 403, 4],
  ["from_the_future", 404, 9],
  ["from_the_future", 409, 10],
  ["from_the_future", 422, 2],
  ["from_the_future", 504, 5],
  ["from_the_future", 500, 1],
  ["constructor", 404, 9],
])("an answer with code %s and status %i ends a command with %i", (code, status, exit) => {
  expect(exitCodeFor(code, status)).toBe(exit);
});

test("a property of Object is no error code", () => {
  expect(isErrorCode("toString")).toBe(false);
  expect(isErrorCode("internal")).toBe(true);
});
