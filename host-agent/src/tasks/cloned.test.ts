/** The script that clones, run by real shells on real repositories. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { branchOf, cloned, workingDirectory } from "./cloned.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "maestro clone "));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();

function repository(): string {
  const repo = path.join(dir, "the repo");
  git("init", "-q", repo);
  mkdirSync(path.join(repo, "sub"));
  writeFileSync(path.join(repo, "sub", "file"), "one\n");
  git("-C", repo, "add", ".");
  git("-C", repo, "commit", "-qm", "one");
  git("-C", repo, "branch", "there");
  return repo;
}

const specOf = (url: string, more: { branch?: string; cwd?: string } = {}): AttemptSpec => ({
  task: "tsk_1",
  attempt: "att_1",
  fence: 1,
  n: 1,
  workspace: { mode: "default" },
  env: {},
  hostEnv: [],
  secretNames: [],
  timeoutMs: 1_000,
  trace: false,
  repository: { url, ...(more.branch === undefined ? {} : { branch: more.branch }) },
  ...(more.cwd === undefined ? {} : { cwd: more.cwd }),
});

describe.each(["/bin/dash", "/bin/bash", "/bin/busybox"])("%s", (shell) => {
  const run = (spec: AttemptSpec, argv: readonly string[], input = "") => {
    const workspace = path.join(dir, "ws");
    mkdirSync(workspace, { recursive: true });
    const [, ...args] = cloned(argv, spec);
    return spawnSync(shell, shell.endsWith("busybox") ? ["sh", ...args] : args, { cwd: workspace, input, encoding: "utf8" });
  };

  test("it is cloned, its branch made, and the program works in it with the prompt whole", () => {
    const spec = specOf(repository());
    const done = run(spec, ["sh", "-c", "pwd; git branch --show-current; cat; exit 3"], "the prompt\n");
    expect(done).toMatchObject({ status: 3 });
    expect(done.stdout).toBe(`${workingDirectory(spec, path.join(dir, "ws"))}\nmaestro/tsk_1\nthe prompt\n`);
    expect(branchOf(spec)).toBe("maestro/tsk_1");
  });

  test("once more it is fetched, what was done stays, and a branch that is there is taken", () => {
    const url = repository();
    expect(
      run(specOf(url), ["sh", "-c", "echo mine >made; git add .; git -c user.name=t -c user.email=t@t commit -qm mine"]),
    ).toMatchObject({ status: 0 });
    writeFileSync(path.join(url, "new"), "");
    git("-C", url, "add", ".");
    git("-C", url, "commit", "-qm", "two");
    const again = run(specOf(url), ["sh", "-c", "cat made; git log --oneline origin/main | wc -l"]);
    expect(again.stdout).toMatch(/^mine\n *2\n$/);
    const other = run(specOf(url, { branch: "there", cwd: "sub" }), [
      "sh",
      "-c",
      "pwd; git branch --show-current; git rev-parse --abbrev-ref there@{upstream}",
    ]);
    expect(other.stdout).toBe(`${path.join(dir, "ws", "repo", "sub")}\nthere\norigin/there\n`);
  });

  test("what cannot be cloned is told, with a code of its own, and no half of it stays", () => {
    const none = run(specOf(path.join(dir, "nowhere")), ["true"]);
    expect(none).toMatchObject({ status: 125 });
    expect(none.stderr).toContain("cannot be cloned");
    const url = repository();
    expect(run(specOf(url, { cwd: "absent" }), ["true"])).toMatchObject({ status: 125 });
    expect(run(specOf(url), ["true"])).toMatchObject({ status: 0 });
    expect(readFileSync(path.join(dir, "ws", "repo", "sub", "file"), "utf8")).toBe("one\n");
  });
});

test("a task without a repository is as it was", () => {
  const { repository: _, ...spec } = specOf("/r");
  expect(cloned(["a", "b"], spec)).toEqual(["a", "b"]);
  expect(branchOf(spec)).toBeUndefined();
  expect(workingDirectory(spec, "/ws")).toBe("/ws");
});
