import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { untilChanged } from "./identity-watch.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";
import { watchCurrent } from "./upgrade.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mu-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function point(version: string): void {
  mkdirSync(path.join(dir, version), { recursive: true });
  symlinkSync(path.join(dir, version), path.join(dir, "next"));
  renameSync(path.join(dir, "next"), path.join(dir, "current"));
}

test("a new version at `current` is noticed once; the same one, or none, is not", () => {
  point("v1");
  const clock = new VirtualClock();
  let changes = 0;
  watchCurrent(path.join(dir, "current"), clock, 1, () => (changes += 1));
  clock.advance(20_000);
  point("v1");
  clock.advance(20_000);
  rmSync(path.join(dir, "current"));
  clock.advance(20_000);
  expect(changes).toBe(0);
  point("v2");
  clock.advance(20_000);
  point("v3");
  clock.advance(20_000);
  expect(changes).toBe(1);
});

test("a machine without the link is never upgraded by it", () => {
  const clock = new VirtualClock();
  let changes = 0;
  const stop = watchCurrent(path.join(dir, "current"), clock, 1, () => (changes += 1));
  clock.advance(10_000);
  point("v1");
  clock.advance(10_000);
  stop();
  expect(changes).toBe(0);
});

test("[LK5] a wait ends when a file changes, else after its time", async () => {
  const file = path.join(dir, "identity");
  writeFileSync(file, "1");
  const clock = new VirtualClock();
  let ended = "";
  const first = untilChanged([file], 300_000, clock, 1, new AbortController().signal).then(() => (ended += "first"));
  clock.advance(2_000);
  await Promise.resolve();
  writeFileSync(file, "changed");
  for (let i = 0; i < 10; i++) {
    clock.advance(2_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await first;
  expect(ended).toBe("first");
  expect(clock.monotonicMs()).toBeLessThan(300_000);
});
