import { spawnSync } from "node:child_process";
import { chownSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { giveToOwnerOf, writeDurably, writeSynced, writeTogether } from "./durable-file.ts";
import { acquireLock } from "./instance-lock.ts";

const ADA = { uid: 54_321, gid: 54_322 };
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mw-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string): string => path.join(dir, name);
const owner = (file: string): { uid: number; gid: number; mode: string } => {
  const { uid, gid, mode } = lstatSync(file);
  return { uid, gid, mode: (mode & 0o777).toString(8) };
};
const adas = { ...ADA, mode: "600" };

describe.skipIf(process.getuid?.() !== 0)("what root writes in another user's directory (only root can try it)", () => {
  beforeEach(() => chownSync(dir, ADA.uid, ADA.gid));

  test("a new file is that user's", () => {
    writeDurably(at("new"), "x");
    expect(owner(at("new"))).toEqual(adas);
  });

  test("a file that is replaced stays whose it was", () => {
    writeFileSync(at("kept"), "old");
    chownSync(at("kept"), 7, 8);
    writeDurably(at("kept"), "new");
    expect([owner(at("kept")), readFileSync(at("kept"), "utf8")]).toEqual([{ uid: 7, gid: 8, mode: "600" }, "new"]);
  });

  test("a file may be made like another one, whoever had it before", () => {
    writeFileSync(at("like"), "");
    chownSync(at("like"), 7, 8);
    writeFileSync(at("roots"), "old");
    writeDurably(at("roots"), "new", at("like"));
    expect(owner(at("roots"))).toEqual({ uid: 7, gid: 8, mode: "600" });
  });

  test("a lock is that user's, so that their daemon sees who holds it", () => {
    const lock = acquireLock(at("lock"), at("fallback"), "host run", "1");
    expect(owner(lock.file)).toEqual(adas);
    lock.release();
  });

  test("a directory is that user's", () => {
    mkdirSync(at("host"), { mode: 0o700 });
    giveToOwnerOf(dir, at("host"));
    expect(owner(at("host"))).toEqual({ ...ADA, mode: "700" });
  });

  test("is theirs too where their directory is reached by a link of root's", () => {
    const link = `${dir}-link`;
    symlinkSync(dir, link);
    try {
      writeSynced(path.join(link, "h"), "x");
      expect(owner(at("h"))).toEqual(adas);
    } finally {
      rmSync(link);
    }
  });

  test("a link of theirs under the temporary name leads root nowhere", () => {
    writeFileSync(at("roots"), "precious", { mode: 0o644 });
    symlinkSync(at("roots"), at(`f.${process.pid}.tmp`));
    symlinkSync(at("roots"), at("g"));
    writeDurably(at("f"), "x");
    writeSynced(at("g"), "x");
    expect([readFileSync(at("roots"), "utf8"), owner(at("roots"))]).toEqual(["precious", { uid: 0, gid: 0, mode: "644" }]);
    expect([owner(at("f")), owner(at("g"))]).toEqual([adas, adas]);
  });
});

test("a temporary file that a crash left is in nobody's way", () => {
  writeFileSync(at(`f.${process.pid}.tmp`), "torn");
  writeDurably(at("f"), "whole");
  expect(readFileSync(at("f"), "utf8")).toBe("whole");
});

describe("files that are written together", () => {
  test("are all there, each instead of what was there before", async () => {
    writeFileSync(at("b"), "old");
    await writeTogether(
      [
        [at("a"), "1"],
        [at("b"), "2"],
      ],
      [dir],
    );
    expect([readFileSync(at("a"), "utf8"), readFileSync(at("b"), "utf8")]).toEqual(["1", "2"]);
    expect(owner(at("a")).mode).toBe("600");
  });

  test("are none when one of them cannot be", async () => {
    const wanted = [
      [at("a"), "1"],
      [at("nowhere/b"), "2"],
    ] as const;
    await expect(writeTogether(wanted, [dir])).rejects.toMatchObject({ error: { code: "state_unwritable" } });
    expect(lstatSync(at("a"), { throwIfNoEntry: false })).toBeUndefined();
  });

  test("are none when an entry cannot be made sure of: it was promised to be on disk", async () => {
    await expect(writeTogether([[at("a"), "1"]], [at("nowhere")])).rejects.toMatchObject({ error: { code: "state_unwritable" } });
    expect(lstatSync(at("a"), { throwIfNoEntry: false })).toBeUndefined();
  });

  // What fits is written, and said to be: only the next write is told that there is no room.
  test("are none when there is room for a part of one only", () => {
    const module = new URL("durable-file.ts", import.meta.url).href;
    const program = `
      import { writeTogether } from ${JSON.stringify(module)};
      await writeTogether([[${JSON.stringify(at("a"))}, "x".repeat(4000)]], [${JSON.stringify(dir)}]).then(
        () => console.log("written"),
        (cause) => console.log(cause.code),
      );`;
    const limited = ["-c", 'ulimit -f 1; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", program];
    expect(spawnSync("/bin/sh", limited, { encoding: "utf8" }).stdout).toBe("EFBIG\n");
    expect(lstatSync(at("a"), { throwIfNoEntry: false })).toBeUndefined();
  });
});
