import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { afterRead, FLOOD_BYTES, readWithRests, startReading, WINDOW_MS } from "./resting-reader.ts";

test("what comes now and then is read as it comes, a flood with rests for as long as it lasts", () => {
  let pace = startReading();
  const read = (nowMs: number, bytes: number): boolean => {
    const next = afterRead(pace, nowMs, bytes);
    pace = next.pace;
    return next.rests;
  };
  for (let n = 0; n < 100; n++) expect(read(n * WINDOW_MS, FLOOD_BYTES - 1)).toBe(false);
  expect([1000, 1001, 1002].map((nowMs) => read(nowMs, 4096))).toEqual([false, false, true]);
  expect(read(1003, 20_000)).toBe(true);
  expect(read(1004, 100)).toBe(false);
  expect(read(1004 + WINDOW_MS, 4096)).toBe(false);
});

test("every byte of a flood is read, and the end after it", async () => {
  const program = `
    const bytes = Buffer.alloc(4096);
    for (let n = 0; n < 5000; n++) { bytes.fill(n); require("node:fs").writeSync(1, bytes); }
  `;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const seen = createHash("sha256");
  let reads = 0;
  readWithRests(child.stdout, (chunk) => {
    reads += 1;
    seen.update(chunk);
  });
  await new Promise((resolve) => child.once("close", resolve));
  const wanted = createHash("sha256");
  for (let n = 0; n < 5000; n++) wanted.update(Buffer.alloc(4096, n & 255));
  expect(seen.digest("hex")).toBe(wanted.digest("hex"));
  expect(reads).toBeLessThan(4_000);
});
