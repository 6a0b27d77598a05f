/** [F2] What a crash in the middle of a promise leaves is no promise. */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { judge } from "./attempt-state.ts";
import { AttemptStore } from "./attempt-store.ts";
import { specOf } from "./testing/task-host.ts";

const BOOT = "boot-1";
const NOW = { bootId: BOOT, wallMs: 2 };
let root = "";
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "store-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const store = (): AttemptStore => new AttemptStore(root, () => {});
const spec = specOf(["true"], { attempt: "att_1", fence: 3 });
const at = (name: string): string => path.join(root, "att_1", name);

test("[TK1] an offer that was written down is accepted, with room for its end", async () => {
  const meanwhile: string[] = [];
  await store().accept(spec, 1, BOOT, () => void meanwhile.push("begun"));
  expect(meanwhile).toEqual(["begun"]);
  expect(judge(store().read("att_1"), NOW)).toEqual({ type: "accepted" });
  expect(store().read("att_1")).toMatchObject({ spec, intent: { attempt: "att_1", fence: 3 } });
  expect(readFileSync(at("exit.tmp"))).toHaveLength(2048);
});

test.each([
  ["intent.json", 0],
  ["intent.json", 20],
  ["spec.json", 0],
  ["spec.json", 20],
])("[F2] torn in the middle of it (%s, %d bytes) it is none, and the same offer is taken again", async (name, bytes) => {
  await store().accept(spec, 1, BOOT);
  truncateSync(at(name), bytes);
  expect(judge(store().read("att_1"), NOW)).toEqual({ type: "void" });
  await store().accept(spec, 1, BOOT);
  expect(judge(store().read("att_1"), NOW)).toEqual({ type: "accepted" });
});

test("[F2] a note of its launch that is torn says that nothing was launched: no orders were given before it was whole", async () => {
  await store().accept(spec, 1, BOOT);
  await store().noteLaunch("att_1", { workspace: "/tmp/w", kind: "default", adapter: "shell", bootId: BOOT }, undefined);
  expect(store().read("att_1").launch).toMatchObject({ workspace: "/tmp/w" });
  truncateSync(at("launch.json"), 12);
  expect(store().read("att_1").launch).toBeUndefined();
  expect(judge(store().read("att_1"), NOW)).toEqual({ type: "accepted" });
  await store().noteLaunch("att_1", { workspace: "/tmp/v", kind: "default", adapter: "shell", bootId: BOOT }, undefined);
  expect(store().read("att_1").launch).toMatchObject({ workspace: "/tmp/v" });
});
