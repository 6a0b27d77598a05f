import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isForeignSocket } from "./paths.ts";

test("a socket in a directory that somebody else made, or behind a link, is not connected to", () => {
  const dir = mkdtempSync(path.join(tmpdir(), "mf-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  symlinkSync(dir, path.join(dir, "link"));
  const uid = process.getuid?.() ?? 0;
  expect(isForeignSocket(path.join(dir, "holder.sock"), uid)).toBe(false);
  expect(isForeignSocket(path.join(dir, "holder.sock"), uid + 1)).toBe(true);
  expect(isForeignSocket(path.join(dir, "link", "holder.sock"), uid)).toBe(true);
  // Nobody made it: nobody listens there.
  expect(isForeignSocket(path.join(dir, "none", "holder.sock"), uid)).toBe(false);
});
