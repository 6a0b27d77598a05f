import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { loadRegistry, RegistryFile, type StoredSession } from "./registry-file.ts";

let dir = "";
let file = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mg-"));
  file = path.join(dir, "sessions.json");
});
afterEach(() => rmSync(dir, { recursive: true }));

const stored: StoredSession = {
  info: {
    id: "ses_1",
    name: "n",
    backend: "pty",
    title: "",
    cwd: "/",
    command: "sh",
    cols: 80,
    rows: 24,
    createdMs: 1,
    lastActivityMs: 1,
    epoch: 3,
  },
  leader: { pid: 7, started: "9" },
};
const writer = { bootId: "boot", holder: { pid: 3, started: "4" } };
const save = async (): Promise<RegistryFile> => {
  const registry = new RegistryFile(file, writer, systemClock, () => [stored]);
  await registry.flush();
  return registry;
};

test("what was written is read again, and nobody else may read it", async () => {
  expect((await save()).warning).toBeUndefined();
  expect(loadRegistry(file)).toEqual({ ...writer, sessions: [stored], warning: undefined });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("none is none", () => {
  expect(loadRegistry(file)).toEqual({ bootId: undefined, holder: undefined, sessions: [], warning: undefined });
});

test("[F36] a torn file at any length is told and costs nothing but what it held", async () => {
  await save();
  const whole = readFileSync(file).byteLength;
  for (let length = 0; length < whole; length += 7) {
    await save();
    truncateSync(file, length);
    expect(loadRegistry(file)).toMatchObject({ sessions: [], warning: { code: "registry_corrupt" } });
  }
});

test("one bad entry costs only itself", () => {
  writeFileSync(file, JSON.stringify({ version: 1, bootId: "b", sessions: [{ info: { id: 3 } }, stored] }));
  expect(loadRegistry(file)).toMatchObject({ sessions: [stored], warning: { code: "registry_corrupt" } });
});

test("a file that cannot be written is a warning that goes again", async () => {
  mkdirSync(file);
  const registry = await save();
  expect(registry.warning?.detail).toContain(file);
  rmSync(file, { recursive: true });
  await registry.flush();
  expect(registry.warning).toBeUndefined();
});

test("changes that come while it writes are written after, once they have settled", async () => {
  let name = "first";
  const registry = new RegistryFile(file, writer, systemClock, () => [{ info: { ...stored.info, name } }]);
  const writes = [registry.flush()];
  name = "second";
  writes.push(registry.flush());
  await Promise.all(writes);
  expect(loadRegistry(file).sessions[0]?.info.name).toBe("second");
});
