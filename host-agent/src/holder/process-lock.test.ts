import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { acquireLock, lockOwner, releaseLock, thisProcess } from "./process-lock.ts";
import { readStat } from "./processes.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ml-"));
const file = path.join(dir, "lock");
const me = thisProcess();
afterEach(() => rmSync(file, { force: true }));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("a living holder keeps the lock; it can be given back", () => {
  expect(acquireLock(file, me)).toBe(true);
  expect(acquireLock(file, { pid: 1, started: "x" })).toBe(false);
  expect(lockOwner(file)).toEqual(me);
  releaseLock(file, { pid: 1, started: "x" });
  expect(lockOwner(file)).toEqual(me);
  releaseLock(file, me);
  expect(lockOwner(file)).toBeUndefined();
});

test("a stale lock is taken over: a dead pid, a pid that is somebody else's now, or what is no lock", () => {
  for (const stale of [
    JSON.stringify({ pid: 4_194_300, started: "1" }),
    JSON.stringify({ pid: process.pid, started: "another start" }),
    "",
    "{torn",
  ]) {
    writeFileSync(file, stale);
    expect(acquireLock(file, me)).toBe(true);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject(me);
    releaseLock(file, me);
  }
});

test("a lock that cannot be read is told at once, with its path and the reason", () => {
  mkdirSync(file);
  try {
    expect(() => acquireLock(file, me)).toThrow(`state_unwritable: The lock '${file}' is of no use: it cannot be read (EISDIR).`);
    expect(lockOwner(file)).toBeUndefined();
    expect(readdirSync(dir)).toEqual(["lock"]);
  } finally {
    rmdirSync(file);
  }
});

test("a lock that changes hands without end is given up", () => {
  // Neither is it taken nor is anything there: a dangling link behaves as a lock that is gone whenever one looks.
  symlinkSync(path.join(dir, "nothing"), file);
  expect(() => acquireLock(file, me)).toThrow("changes hands without end");
});

test("a copy of a living holder's lock is stale; a lock that was moved, or that an older version made, is not", () => {
  const copy = path.join(dir, "copy");
  try {
    expect(acquireLock(file, me)).toBe(true);
    copyFileSync(file, copy);
    expect(lockOwner(copy)).toBeUndefined();
    expect(acquireLock(copy, me)).toBe(true);
    renameSync(file, copy);
    expect(lockOwner(copy)).toEqual(me);
    expect(acquireLock(copy, { pid: 1, started: "x" })).toBe(false);
    writeFileSync(copy, JSON.stringify(me));
    expect(lockOwner(copy)).toEqual(me);
  } finally {
    rmSync(copy, { force: true });
  }
});

test("a lock that was restored where it lay is its living holder's", () => {
  expect(acquireLock(file, me)).toBe(true);
  const text = readFileSync(file);
  rmSync(file);
  writeFileSync(`${file}.other`, "");
  writeFileSync(file, text);
  rmSync(`${file}.other`);
  expect(acquireLock(file, { pid: 1, started: "x" })).toBe(false);
});

test.runIf(process.platform === "linux")(
  "a zombie holds no lock: whoever started the holder was replaced in place and reaps nobody",
  async () => {
    // The shell becomes `sleep`, which knows nothing of the child that it inherits.
    const parent = spawn("/bin/sh", ["-c", "sleep 0.05 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [line]: unknown[] = await once(parent.stdout, "data");
      const pid = Number(String(line));
      const started = readStat(pid)?.started ?? "";
      await expect.poll(() => readStat(pid)?.state).toBe("Z");
      writeFileSync(file, JSON.stringify({ pid, started }));
      expect(lockOwner(file)).toBeUndefined();
      expect(acquireLock(file, me)).toBe(true);
    } finally {
      parent.kill("SIGKILL");
    }
  },
);
