/** The log of a remote attempt, as it is kept here. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Mirror } from "./mirror.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "maestro-mirror-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const file = () => path.join(dir, "agent.log");
const mirror = (logLimitBytes = 1000) => new Mirror({ dir, log: file() }, logLimitBytes);
const kept = () => readFileSync(file(), "utf8");

test("what comes again is left as it is, and a part that is missing is noticed", () => {
  mirror().begin();
  mirror().log(0, Buffer.from("one "));
  mirror().log(2, Buffer.from("XXtwo"));
  expect(kept()).toBe("one two");
  expect(() => mirror().log(8, Buffer.from("late"))).toThrow("goes on at 8");
  expect(mirror().offset).toBe(7);
});

test("a machine that sends on past any limit fills no disk here, and its end is still heard", () => {
  const limited = mirror(10);
  limited.begin();
  // So much a runner may be late.
  limited.log(0, Buffer.from("0123456789abcdef"));
  limited.log(16, Buffer.from("ghijKLMN"));
  limited.log(24, Buffer.from("more"));
  limited.log(1_000_000, Buffer.from("more"));
  expect(kept()).toBe("0123456789abcdefghij");
});
