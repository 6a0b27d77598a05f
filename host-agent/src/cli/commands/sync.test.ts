/** `maestro sync` of real files and a stand-in of `gh`, against a far side over a real socket. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FakeServer, json, refused, TOKEN } from "../testing/fake-server.ts";
import { fakeTask } from "../testing/fake-task.ts";
import { runCli } from "../testing/run-cli.ts";

let server: FakeServer;
let dir: string;
let asked: { id: string; prompt: string }[] = [];

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "msync-"));
  server = await FakeServer.open(({ method, path: place, body }) => {
    if (method !== "POST" || place !== "/api/v1/tasks") return undefined;
    const task = JSON.parse(body);
    asked.push(task);
    if (task.id === "t2") return refused(409, "task_exists");
    if (task.id === "t3") return refused(404, "host_not_found", { detail: "No host 'nowhere'." });
    return json(fakeTask({ id: task.id }), 201);
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
});

const todo = (): string => path.join(dir, "todo.md");
const cli = (argv: readonly string[], env: Record<string, string> = {}) =>
  runCli(["sync", ...argv], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, PATH: process.env["PATH"] ?? "", ...env } });

test("each open item with a target is dispatched once; what is refused is told, and gives the exit code", async () => {
  writeFileSync(
    path.join(dir, "todo.md"),
    "- [ ] t1 One target:gpu model:opus\n- [ ] t2 Two target:gpu\n- [ ] t3 Three target:nowhere\n- [x] t4 Four target:gpu\n",
  );
  const done = await cli(["todo", todo(), "--repo", "/srv/app"]);
  expect(done.code).toBe(9);
  expect(done.stdout).toMatch(/t1 +gpu +dispatched/);
  expect(done.stdout).toMatch(/t2 +gpu +there already/);
  expect(done.stdout).toMatch(/t3 +nowhere +refused: No host 'nowhere'\./);
  expect(asked[0]).toEqual({
    id: "t1",
    prompt: "t1 One",
    on: { host: "gpu" },
    labels: { target: "gpu" },
    model: "opus",
    repository: { url: "/srv/app" },
  });
  expect(asked.map(({ id }) => id)).toEqual(["t1", "t2", "t3"]);
});

test("--dry-run asks nobody; a file that is not there is told", async () => {
  writeFileSync(path.join(dir, "todo.md"), "- [ ] t1 One target:gpu\n");
  const dry = await cli(["todo", todo(), "--to", "builder", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0 });
  expect(dry.stdout).toContain("would be dispatched");
  expect(asked).toEqual([]);
  expect(await cli(["todo", path.join(dir, "absent.md")])).toMatchObject({ code: 2 });
});

test("issues come from gh, as it is set up here; without it that is told", async () => {
  const issues = [{ number: 7, title: "It breaks", body: "Always.", url: "https://x/7", labels: [{ name: "target:gpu" }] }];
  writeFileSync(path.join(dir, "issues.json"), JSON.stringify(issues));
  writeFileSync(
    path.join(dir, "gh"),
    `#!/bin/sh\ncase "$*" in "issue list --repo me/app "*) cat '${dir}/issues.json' ;; *) exit 1 ;; esac\n`,
  );
  chmodSync(path.join(dir, "gh"), 0o755);
  const done = await cli(["issues", "me/app", "--to", "builder"], { PATH: `${dir}:${process.env["PATH"] ?? ""}` });
  expect({ code: done.code, stderr: done.stderr }).toEqual({ code: 0, stderr: "" });
  expect(asked).toEqual([{ id: "gh-me-app-7", prompt: "It breaks (https://x/7)\n\nAlways.", to: ["builder"], labels: { target: "gpu" } }]);
  const without = await cli(["issues", "me/app"], { PATH: "/nowhere" });
  expect(without.code).toBe(2);
  expect(without.stderr).toContain("gh, GitHub's own CLI, is not installed here.");
  expect(await cli(["issues", "app"])).toMatchObject({ code: 2 });
});
