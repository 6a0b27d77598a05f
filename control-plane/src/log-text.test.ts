import { DrizzleQueryError } from "drizzle-orm/errors";
import { expect, test } from "vitest";
import { errorText, stackText } from "./log-text.ts";

const CANARY = "hunter2hunter2";
const failed = (): DrizzleQueryError =>
  new DrizzleQueryError("insert into tokens (hash) values (?)", [CANARY, `line\n    at ${CANARY}`], new Error("D1_ERROR: away"));

test("of a query that failed the log has the statement, why and where, and no value that was bound", () => {
  for (const error of [failed(), new Error(`wrapped: ${failed().message}`, { cause: failed() }), { ...failed() }, String(failed())])
    expect(`${errorText(error)} ${error instanceof Error ? stackText(error) : ""}`).not.toContain(CANARY);
  expect(errorText(failed())).toBe("Error: Failed query: insert into tokens (hash) values (?): Error: D1_ERROR: away");
  expect(stackText(failed())).toMatch(
    /^Error: Failed query: insert into tokens \(hash\) values \(\?\): Error: D1_ERROR: away\n +at .*log-text\.test\.ts/,
  );
});

test("any other error is told as it is", () => {
  expect(errorText(new RangeError("no such offset"))).toBe("RangeError: no such offset");
  expect(errorText(new Error("a\nb", { cause: "c" }))).toBe("Error: a\nb: c");
  expect(errorText("text")).toBe("text");
  expect(stackText(new Error("a"))).toMatch(/^Error: a\n +at /);
});
