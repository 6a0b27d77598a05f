import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { baseEnv } from "../holder/launch.ts";
import { specOf } from "./testing/task-host.ts";
import { prepareWorkspace, refuseBeforePreparing, refuseWorkspace, removeWorkspace, type WorkspacePlace } from "./workspaces.ts";

let dir: string;
let place: WorkspacePlace;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(path.join(tmpdir(), "wsp-")));
  const env = { ...baseEnv(process.env), HOME: dir };
  writeFileSync(path.join(dir, ".gitconfig"), "[user]\nname = t\nemail = t@example.test\n[init]\ndefaultBranch = main\n");
  const rules = { roots: [dir], forbidden: [path.join(dir, "own")], trustedOwners: new Set([0, process.getuid?.() ?? 0]), userHome: dir };
  place = { rules, root: path.join(dir, "ws"), env };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const git = (cwd: string, ...args: string[]): string =>
  execFileSync("git", args, { cwd, env: place.env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

function clone(): string {
  const repo = path.join(dir, "repo");
  mkdirSync(repo);
  git(repo, "init", "--quiet");
  writeFileSync(path.join(repo, "file"), "content\n");
  git(repo, "add", "file");
  git(repo, "commit", "--quiet", "-m", "first");
  return repo;
}

const LOG = "/nowhere/agent.log";
async function prepare(spec: AttemptSpec, template?: string) {
  const prepared = await prepareWorkspace(spec, template, LOG, place);
  if (!prepared.ok) throw new Error(`${prepared.error.code}: ${prepared.error.detail}`);
  const { cwd: _, ...note } = prepared.value;
  return { note: { ...note, bootId: "b", adapter: "shell" }, at: prepared.value.workspace };
}
const problem = (spec: AttemptSpec, template?: string) =>
  prepare(spec, template).then(
    () => "made",
    (error: unknown) => String(error),
  );

describe("worktrees", () => {
  const worktree = (repo: string, more: { branch?: string; task?: string } = {}) =>
    specOf(["true"], {
      task: more.task ?? "tsk_w",
      workspace: { mode: "worktree", repo, ...(more.branch === undefined ? {} : { branch: more.branch }) },
    });

  test("a task gets one of its own, on a branch of its own, and leaves nothing behind", async () => {
    const repo = clone();
    const spec = worktree(repo);
    const { note, at } = await prepare(spec);
    expect(note).toMatchObject({ kind: "worktree", repo, branch: "maestro/tsk_w", ownBranch: true });
    expect(readFileSync(path.join(at, "file"), "utf8")).toBe("content\n");
    expect(git(at, "status", "--porcelain")).toBe("");
    expect(existsSync(path.join(repo, "agent.log"))).toBe(false);
    // The next attempt of the task works where the last one did.
    expect((await prepare(spec)).note).toMatchObject({ workspace: at, branch: "maestro/tsk_w", ownBranch: true });
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "removed" });
    expect(existsSync(at)).toBe(false);
    expect(git(repo, "branch", "--list").trim()).toBe("* main");
    expect(git(repo, "worktree", "list").trim().split("\n")).toHaveLength(1);
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "absent" });
  });

  test("work that is not committed is kept, and said to be", async () => {
    const spec = worktree(clone());
    const { note, at } = await prepare(spec);
    writeFileSync(path.join(at, "new"), "x");
    expect(await removeWorkspace(note, spec, place)).toMatchObject({ outcome: "kept", detail: expect.stringContaining("not committed") });
    expect(existsSync(path.join(at, "new"))).toBe(true);
  });

  test("commits that are nowhere else are kept, and let go once another branch has them", async () => {
    const repo = clone();
    const spec = worktree(repo, { branch: "feature/x" });
    const { note, at } = await prepare(spec);
    writeFileSync(path.join(at, "file"), "changed\n");
    git(at, "commit", "--quiet", "-am", "work");
    expect(await removeWorkspace(note, spec, place)).toMatchObject({
      outcome: "kept",
      detail: expect.stringContaining("1 commit(s) on 'feature/x'"),
    });
    git(repo, "merge", "--quiet", "feature/x");
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "removed" });
    expect(git(repo, "show", "main:file")).toBe("changed\n");
  });

  test("a branch that was there stays", async () => {
    const repo = clone();
    git(repo, "branch", "mine");
    const spec = worktree(repo, { branch: "mine" });
    const { note } = await prepare(spec);
    expect(note.ownBranch).toBe(false);
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "removed" });
    expect(git(repo, "branch", "--list", "mine").trim()).toBe("mine");
  });

  test("a branch that was there stays, also after a second attempt", async () => {
    const repo = clone();
    git(repo, "branch", "mine");
    const spec = worktree(repo, { branch: "mine" });
    await prepare(spec);
    const { note } = await prepare(spec);
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "removed" });
    expect(git(repo, "branch", "--list", "mine").trim()).toBe("mine");
  });

  test("the repository's hooks do not run", async () => {
    const repo = clone();
    const hook = path.join(repo, ".git/hooks/post-checkout");
    mkdirSync(path.dirname(hook), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ntouch '${dir}/hooked'\n`, { mode: 0o755 });
    await prepare(worktree(repo));
    expect(existsSync(path.join(dir, "hooked"))).toBe(false);
  });

  test("no repository, no branch name, a branch in use: each is said", async () => {
    const repo = clone();
    mkdirSync(path.join(dir, "plain"));
    expect(await problem(worktree(path.join(dir, "plain")))).toContain("no git repository");
    expect(await problem(worktree(path.join(dir, "missing")))).toContain("is not there");
    for (const branch of ["-x", "a..b", "a b"]) expect(await problem(worktree(repo, { branch }))).toContain("cannot name a branch");
    expect(await problem(worktree(repo, { branch: "main", task: "tsk_o" }))).toContain("cannot make the worktree");
    expect(await problem(worktree("/etc"))).toContain("path_outside_roots");
  });
});

describe("templates", () => {
  const template = () => {
    const from = path.join(dir, "template");
    mkdirSync(path.join(from, "sub"), { recursive: true });
    writeFileSync(path.join(from, "sub", "a"), "1");
    symlinkSync("sub/a", path.join(from, "link"));
    return from;
  };

  test("one is copied into a new workspace, once", async () => {
    const from = template();
    const spec = specOf(["true"], { task: "tsk_t" });
    const { at, note } = await prepare(spec, from);
    expect(readFileSync(path.join(at, "link"), "utf8")).toBe("1");
    writeFileSync(path.join(at, "sub", "a"), "changed");
    await prepare(spec, from);
    expect(readFileSync(path.join(at, "sub", "a"), "utf8")).toBe("changed");
    expect(await removeWorkspace(note, spec, place)).toEqual({ outcome: "removed" });
    expect(readFileSync(path.join(from, "sub", "a"), "utf8")).toBe("1");
  });

  test.each(["/etc/passwd", "../../outside", "x/../../../outside", "/"])("a link that leads to %s brings nothing along", async (target) => {
    const from = template();
    symlinkSync(target, path.join(from, "sub", "evil"));
    expect(await problem(specOf(["true"], { task: "tsk_t" }), from)).toContain("leads out of it");
    expect(existsSync(path.join(place.root, "commands", "tsk_t"))).toBe(false);
  });

  test("a link that leads out by way of another one brings nothing along either", async () => {
    const from = template();
    mkdirSync(path.join(from, "sub", "x"));
    symlinkSync("../..", path.join(from, "sub", "x", "up"));
    symlinkSync("sub/x/up/..", path.join(from, "evil"));
    expect(await problem(specOf(["true"], { task: "tsk_t" }), from)).toContain("evil");
  });

  test("a repository in it does not show the link to the log as work", async () => {
    const repo = clone();
    const { at } = await prepare(specOf(["true"], { task: "tsk_g" }), repo);
    expect(git(at, "status", "--porcelain")).toBe("");
    expect(existsSync(path.join(at, ".git", "info", "exclude"))).toBe(true);
  });
});

test("[26] what leads elsewhere since the offer is refused at the start as it would have been then, and nothing is made there", async () => {
  const outside = mkdtempSync(path.join(tmpdir(), "wsp-outside-"));
  mkdirSync(place.root);
  symlinkSync(outside, path.join(place.root, "commands"));
  for (const more of [{}, { cwd: "below" }, { cwd: dir }]) {
    const spec = specOf(["true"], more);
    const expected = { code: "path_outside_roots", field: "workspace" };
    expect(refuseWorkspace(spec, place)).toMatchObject(expected);
    const before = refuseBeforePreparing(spec, place);
    const prepared = await prepareWorkspace(spec, undefined, LOG, place);
    expect(before ?? (prepared.ok ? undefined : prepared.error)).toMatchObject(expected);
  }
  expect(readdirSync(outside)).toEqual([]);
  rmSync(outside, { recursive: true });
  for (const bad of [{ cwd: "/etc" }, { workspace: { mode: "path", path: "/etc" } }] as Partial<AttemptSpec>[])
    expect(refuseBeforePreparing(specOf(["true"], bad), place)).toBeDefined();
});

test("[26] refusals come before anything is made, and a foreign agent.log stays", async () => {
  for (const bad of [
    { workspace: { mode: "path", path: "relative" } },
    { workspace: { mode: "path", path: `${dir}/own/x` } },
    { workspace: { mode: "path", path: `${dir}/../etc` } },
    { cwd: "/etc" },
    { agent: { id: "../up", name: "n", type: "shell", workspace: dir, args: [], env: {} } },
  ] as Partial<AttemptSpec>[])
    expect(refuseWorkspace(specOf(["true"], bad), place)).toBeDefined();
  expect(existsSync(place.root)).toBe(false);
  const at = path.join(place.root, "commands", "tsk_f");
  mkdirSync(at, { recursive: true });
  writeFileSync(path.join(at, "agent.log"), "mine");
  await prepare(specOf(["true"], { task: "tsk_f" }));
  expect(readFileSync(path.join(at, "agent.log"), "utf8")).toBe("mine");
});

test("a workspace that was replaced by a link is kept, and so is what it leads to", async () => {
  const spec = specOf(["true"], { task: "tsk_l" });
  const { note, at } = await prepare(spec);
  const project = path.join(dir, "project");
  mkdirSync(project);
  writeFileSync(path.join(project, "precious"), "x");
  rmSync(at, { recursive: true });
  symlinkSync(project, at);
  expect(await removeWorkspace(note, spec, place)).toMatchObject({ outcome: "kept", detail: expect.stringContaining(project) });
  expect(readFileSync(path.join(project, "precious"), "utf8")).toBe("x");

  // The same one directory further up.
  rmSync(path.dirname(at), { recursive: true });
  mkdirSync(path.join(project, "tsk_l"));
  symlinkSync(project, path.dirname(at));
  expect(await removeWorkspace(note, spec, place)).toMatchObject({ outcome: "kept" });
  expect(existsSync(path.join(project, "tsk_l"))).toBe(true);
});
