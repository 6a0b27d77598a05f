import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseToken } from "@maestro/shared/token";
import { derivePaths, type Paths } from "../config/paths.ts";
import { asNobody, isRoot, NOBODY, nobodyProblem } from "../daemon/testing/nobody.ts";
import { identify } from "./process-identity.ts";
import { claimRun, dropRun, openState, readRun, readSecrets, type RunRecord } from "./state.ts";

let home: string;
let paths: Paths;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "mup-"));
  paths = derivePaths({
    env: { MAESTRO_HOME: path.join(home, "m") },
    userHome: homedir(),
    uid: process.getuid?.() ?? 0,
    tmpDir: tmpdir(),
    scope: "user",
  });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const record = (pid: number, started?: string): RunRecord => ({
  version: 1,
  supervisor: { pid, started: started ?? identify(pid)?.started ?? "?" },
  url: "http://x",
  children: [],
});

describe("the state of up", () => {
  test("secrets are made once, whole and private", () => {
    const up = openState(paths);
    const first = readSecrets(up);
    expect(readSecrets(up)).toEqual(first);
    expect(parseToken(first.bootstrap, ["boot"]).ok).toBe(true);
    expect(Buffer.from(first.root, "base64url")).toHaveLength(32);
    expect(statSync(up.secretsFile).mode & 0o777).toBe(0o600);
    expect(statSync(up.dir).mode & 0o777).toBe(0o700);
  });

  test("damaged secrets are never replaced silently", () => {
    const up = openState(paths);
    readSecrets(up);
    writeFileSync(up.secretsFile, readFileSync(up.secretsFile, "utf8").slice(0, 40));
    expect(() => readSecrets(up)).toThrow(/state_unwritable: .*damaged/);
  });

  test("a home that is a file, or cannot be made, is told as such", () => {
    writeFileSync(path.join(home, "m"), "");
    expect(() => openState(paths)).toThrow(/state_unwritable/);
  });

  test("a home that this user may not write is told as such", ({ skip }) => {
    const problem = nobodyProblem();
    skip(problem !== undefined, problem);
    const closed = path.join(home, "m");
    mkdirSync(closed, { mode: 0o500 });
    if (isRoot) {
      chmodSync(home, 0o711);
      chownSync(closed, NOBODY, NOBODY);
    }
    asNobody(() => expect(() => openState(paths)).toThrow(/state_unwritable/));
    chmodSync(closed, 0o700);
  });

  test("[F28] one up at a time: a live one keeps its place, a dead one and a reused pid lose it", () => {
    const up = openState(paths);
    expect(claimRun(up, record(process.pid))).toBeUndefined();
    expect(claimRun(up, record(process.ppid))).toEqual(record(process.pid));
    writeFileSync(up.runFile, JSON.stringify(record(process.pid, "another start")), { mode: 0o600 });
    expect(claimRun(up, record(process.pid))).toBeUndefined();
    writeFileSync(up.runFile, "{ half", { mode: 0o600 });
    expect(claimRun(up, record(process.pid))).toBeUndefined();
    dropRun(up);
    expect(readRun(up)).toBeUndefined();
  });
});
