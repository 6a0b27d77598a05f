/** [F2] What a crash in the middle of a promise leaves is no promise. */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

describe("[F2] a crash of the machine", () => {
  const note = { workspace: "/tmp/w", kind: "default", adapter: "shell", bootId: BOOT } as const;
  const rebooted = { ...NOW, bootId: "boot-2" };
  beforeEach(() => store().accept(spec, 1, BOOT));

  test("before it was on disk that it is begun: nothing was launched, no orders were given", async () => {
    await store().noteBegun("att_1", note);
    truncateSync(at("begun.json"), 12);
    expect(store().read("att_1").launch).toBeUndefined();
    expect(judge(store().read("att_1"), rebooted)).toEqual({ type: "accepted" });
    await store().noteBegun("att_1", note);
    expect(judge(store().read("att_1"), NOW)).toEqual({ type: "accepted" });
  });

  test.each([0, 12, undefined])(
    "that leaves %s bytes of the note of its launch: it may have run, in the place that was foreseen",
    async (bytes) => {
      await store().noteBegun("att_1", { ...note, workspace: "/tmp/foreseen" });
      store().noteLaunch("att_1", note, undefined);
      if (bytes === undefined) rmSync(at("launch.json"));
      else truncateSync(at("launch.json"), bytes);
      expect(store().read("att_1").launch).toMatchObject({ workspace: "/tmp/foreseen" });
      expect(judge(store().read("att_1"), rebooted)).toEqual({ type: "died", why: "host_reboot" });
    },
  );

  test("after all of it: it may have run where the note says", async () => {
    await store().noteBegun("att_1", { ...note, workspace: "/tmp/foreseen" });
    store().noteLaunch("att_1", note, undefined);
    await store().keepLaunch("att_1");
    expect(store().read("att_1").launch).toMatchObject({ workspace: "/tmp/w" });
    expect(judge(store().read("att_1"), rebooted)).toEqual({ type: "died", why: "host_reboot" });
  });

  test("what did not come to a launch is not begun", async () => {
    await store().noteBegun("att_1", note);
    store().forgetBegun("att_1");
    expect(judge(store().read("att_1"), rebooted)).toEqual({ type: "accepted" });
  });

  test("what was cleaned up meanwhile need not be kept", async () => {
    store().noteLaunch("att_1", note, undefined);
    store().remove("att_1");
    await expect(store().keepLaunch("att_1")).resolves.toBeUndefined();
  });
});
