/** [DISP9] `--repo .`: what of a git checkout here is sent, and what its person is told; with real checkouts of git. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FakeServer, json, TOKEN } from "../testing/fake-server.ts";
import { fakeTask } from "../testing/fake-task.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";
import { chooseRepository, type Checkout } from "./local-checkout.ts";

const checkout: Checkout = {
  top: "/w/app",
  branch: "fix",
  remote: { name: "origin", url: "git@github.com:me/app.git" },
  defaultBranch: "main",
  ahead: 0,
  changed: 0,
};
const chosen = (part: Partial<Checkout>, wanted?: string) => {
  const result = chooseRepository(".", { ...checkout, ...part }, wanted);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
};

test("a branch is gone on with, from the remote's default one the task makes its own, and one that is asked for goes before both", () => {
  const url = "git@github.com:me/app.git";
  expect(chosen({})).toEqual({ url, branch: "fix", isHere: false, notes: [] });
  expect(chosen({ branch: "main" })).toEqual({ url, isHere: false, notes: [] });
  expect(chosen({ branch: undefined, ahead: undefined, changed: 3 }, "other")).toEqual({ url, branch: "other", isHere: false, notes: [] });
});

test.each<[string, string, boolean]>([
  ["https://me:s3cret@github.com/me/app.git", "https://github.com/me/app.git", false],
  ["ssh://git@host:2222/app", "ssh://git@host:2222/app", false],
  ["host:app", "host:app", false],
  ["../bare.git", "/w/bare.git", true],
  ["/srv/a:b", "/srv/a:b", true],
  ["file:///srv/app", "file:///srv/app", true],
])("an address %s is sent as %s", (url, sent, isHere) => {
  const result = chosen({ remote: { name: "origin", url } });
  expect(result).toMatchObject({ url: sent, isHere });
  expect(JSON.stringify(result)).not.toContain("s3cret");
  expect(result.notes).toHaveLength(url.includes("s3cret") ? 1 : 0);
});

test("what the task will not get is said", () => {
  expect(chosen({ ahead: 2, changed: 1 }).notes).toEqual([
    "2 commits of 'fix' are not pushed: the task does not get them.",
    "1 file here is in no commit: the task does not get it.",
  ]);
});

test.each<[string, Partial<Checkout>, string]>([
  ["no remote", { remote: undefined }, "git remote add origin"],
  ["no branch", { branch: undefined, ahead: undefined }, "--repo . --branch"],
  ["a branch that was never pushed", { ahead: undefined }, "git push -u origin fix"],
])("with %s nothing is sent", (_what, part, hint) => {
  expect(chooseRepository(".", { ...checkout, ...part }, undefined)).toMatchObject({
    error: { code: "field_invalid", field: "repo", hint: expect.stringContaining(hint) },
  });
});

let dir: string;
let server: FakeServer;
const asked: { repository?: object }[] = [];
beforeAll(async () => {
  dir = realpathSync(mkdtempSync(path.join(tmpdir(), "mcheckout-")));
  server = await FakeServer.open(({ method, body }) => {
    if (method !== "POST") return undefined;
    asked.push(JSON.parse(body));
    return json(fakeTask({}), 201);
  });
  const bare = path.join(dir, "app.git");
  git(dir, "init", "-q", "--bare", "-b", "main", bare);
  git(dir, "clone", "-q", bare, work());
  git(work(), "checkout", "-q", "-b", "main");
  commit("one");
  git(work(), "push", "-q", "-u", "origin", "main");
  git(work(), "remote", "set-head", "origin", "main");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => void asked.splice(0));

const work = (): string => path.join(dir, "work");
const env = () => ({ PATH: process.env["PATH"] ?? "", HOME: dir, GIT_CONFIG_NOSYSTEM: "1" });
const git = (at: string, ...args: string[]): void =>
  void execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-C", at, ...args], { env: env(), stdio: "pipe" });
const commit = (text: string): void => {
  writeFileSync(path.join(work(), "file"), text);
  git(work(), "add", ".");
  git(work(), "commit", "-qm", text);
};
const cli = (repo: string, ...more: string[]) =>
  runCli(["task", "dispatch", "x", "--host", "gpu", "--repo", repo, ...more], {
    env: { ...env(), MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN },
  });
/** From where the CLI is started in tests, as somebody would type it. */
const relative = (at: string): string => `./${path.relative("/tmp", at)}`;
const elsewhere = (url: string): void => git(work(), "remote", "set-url", "origin", url);

test("the origin and the branch of the checkout are sent, from anywhere within it, and what is not pushed is told", async () => {
  elsewhere("https://user:s3cret@git.example.com/app.git");
  mkdirSync(path.join(work(), "deep"), { recursive: true });
  expect(await cli(relative(path.join(work(), "deep")))).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("credential in the address of 'origin' is left out"),
  });
  expect(asked[0]?.repository).toEqual({ url: "https://git.example.com/app.git" });

  elsewhere("git@git.example.com:app.git");
  git(work(), "checkout", "-q", "-b", "fix");
  const early = await cli(relative(work()), "--json");
  expect(problemOf(early)).toMatchObject({
    code: "field_invalid",
    field: "repo",
    detail: expect.stringContaining("'fix' is not on 'origin'"),
  });
  git(work(), "update-ref", "refs/remotes/origin/fix", "HEAD");
  commit("two");
  writeFileSync(path.join(work(), "new"), "");
  const { stderr } = await cli(relative(work()), "--json");
  expect(stderr).toBe(
    "1 commit of 'fix' is not pushed: the task does not get it.\n1 file here is in no commit: the task does not get it.\n",
  );
  expect(asked.at(-1)?.repository).toEqual({ url: "git@git.example.com:app.git", branch: "fix" });

  await cli(relative(work()), "--branch", "other");
  expect(asked.at(-1)?.repository).toEqual({ url: "git@git.example.com:app.git", branch: "other" });
});

test("what is no checkout, and what was cloned from a directory here, is refused before anything is sent", async () => {
  expect(problemOf(await cli(relative(dir), "--json"))).toMatchObject({
    code: "field_invalid",
    field: "repo",
    detail: expect.stringContaining("not a git repository"),
  });
  elsewhere(path.join(dir, "app.git"));
  git(work(), "checkout", "-q", "-f", "main");
  expect(problemOf(await cli(relative(work()), "--json"))).toMatchObject({
    field: "repo",
    detail: expect.stringContaining("is on this machine, and the task may run on another one"),
  });
  expect(asked).toEqual([]);
});
