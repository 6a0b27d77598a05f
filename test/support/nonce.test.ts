import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Ledger, nonceCommand, nonceExit, nonceOutput, violations, type Expected, type Observed } from "./nonce.ts";

const directory = mkdtempSync(join(tmpdir(), "nonce-"));
afterAll(() => rmSync(directory, { recursive: true }));

const named = (holds: (exit: number) => boolean): string =>
  Array.from({ length: 50 }, (_, n) => `n${n}`).find((nonce) => holds(nonceExit(nonce))) ?? "";
const work = { nonce: named((exit) => exit === 0), lines: 3, pauseMs: 0 };
const failing = { ...work, nonce: named((exit) => exit !== 0) };
const expected: Expected = { id: "tsk_1", work, excuses: new Set(), allowed: true };
const good: Observed = { status: "completed", reason: undefined, exitCode: 0, runs: 1, log: nonceOutput(work), file: nonceOutput(work) };

test("the program does what is said of it", () => {
  const ledger = new Ledger(join(directory, "ledger"));
  const [program = "", ...args] = nonceCommand(work, ledger.file);
  expect(execFileSync(program, args)).toEqual(nonceOutput(work));
  execFileSync(program, args);
  expect([...ledger.counts()]).toEqual([[work.nonce, 2]]);
  const [other = "", ...more] = nonceCommand(failing, ledger.file);
  expect(() => execFileSync(other, more)).toThrow(expect.objectContaining({ status: nonceExit(failing.nonce) }));
});

describe("invariant I", () => {
  test("holds for what ended by itself, and for an excused end", () => {
    expect(violations(expected, good)).toEqual([]);
    const end = { ...good, status: "failed", reason: "exit_nonzero", exitCode: nonceExit(failing.nonce), log: nonceOutput(failing) };
    expect(violations({ ...expected, work: failing }, { ...end, file: undefined })).toEqual([]);
    const part = nonceOutput(work).subarray(0, 10);
    const killed = { ...good, status: "failed", reason: "runner_died", exitCode: undefined, log: part, file: part };
    expect(violations({ ...expected, excuses: new Set(["runner_killed"]) }, killed)).toEqual([]);
    const refused = {
      ...good,
      status: "failed",
      reason: "dependency_failed",
      exitCode: undefined,
      runs: 0,
      log: undefined,
      file: undefined,
    };
    expect(violations({ ...expected, allowed: false }, refused)).toEqual([]);
    // Its user was quicker than what it waited for.
    const cancelled = { ...refused, status: "cancelled", reason: "cancelled" };
    expect(violations({ ...expected, allowed: false, excuses: new Set(["cancelled"]) }, cancelled)).toEqual([]);
    expect(violations({ ...expected, allowed: false }, cancelled)).not.toEqual([]);
  });

  test.each<[string, Partial<Observed>, Partial<Expected>]>([
    ["a second run", { runs: 2 }, {}],
    ["a second run, excused or not", { runs: 2 }, { excuses: new Set(["runner_killed", "host_gone", "disk_full"]) }],
    ["no end", { status: "unknown" }, {}],
    ["an end it did not have", { status: "failed", reason: "exit_nonzero", exitCode: 1 }, {}],
    ["an end that nothing excuses", { status: "failed", reason: "runner_died", exitCode: undefined }, {}],
    ["lost, its host being there", { status: "lost", reason: "host_lost", exitCode: undefined }, { excuses: new Set(["runner_killed"]) }],
    ["completed without a run", { runs: 0 }, {}],
    ["a byte missing at the end", { log: nonceOutput(work).subarray(0, -1), file: undefined }, {}],
    ["no log", { log: undefined, file: undefined }, {}],
    ["a log that is not the host's file", { file: nonceOutput(work).subarray(0, -1) }, {}],
    ["run although a dependency failed", {}, { allowed: false }],
    [
      "bytes it never wrote",
      { status: "failed", reason: "runner_died", log: Buffer.from("x"), file: undefined },
      { excuses: new Set(["runner_killed"]) },
    ],
  ])("does not hold: %s", (_, seen, known) => {
    expect(violations({ ...expected, ...known }, { ...good, ...seen })).not.toEqual([]);
  });
});
