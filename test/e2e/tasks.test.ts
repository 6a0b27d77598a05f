/** Tasks on the whole product: queue, runner, logs, results, as scripts and people use them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Queue, Task } from "@maestro/shared/contract/tasks";
import { runChild } from "../support/child.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { isAlive } from "../support/processes.ts";
import { cancelSoon, dispatchTask, shell, taskEnds, taskOf, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

let product: Product;
let work: string;

beforeAll(async () => {
  const home = new TestHome();
  writeTypes(join(home.path, "agents.d"));
  work = home.directory("work");
  product = await Product.up({ home, env: { MAESTRO_WORKSPACE_ROOT: home.directory("root") } });
});
afterAll(async () => product[Symbol.asyncDispose]());

/** The types of the seeds' examples, whatever agent is behind them. */
function writeTypes(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const slug of ["code-reviewer", "test-engineer", "flickclaw-bot", "frontend-specialist"]) {
    const script = 'echo "$1 in $PWD"; test "$1" != "fail please"';
    writeFileSync(
      join(directory, `${slug}.yaml`),
      JSON.stringify({ slug, adapter: "custom", argv: ["/bin/sh", "-c", script, slug, "{{prompt}}"] }),
    );
  }
}

const Status = z.looseObject({ id: z.string(), status: z.string(), exitCode: z.int().optional() });

describe("a command on a host", () => {
  test("[TK1] runs once, its log is whole, its exit code comes back", async () => {
    const mark = join(work, "once");
    const made = await dispatchTask(product.api, { command: shell('echo ran >>"$1"; echo out; echo err >&2; exit 3', mark), on: {} });
    expect(["queued", "offered", "running"]).toContain(made.status);
    const ended = await taskEnds(product.api, made.id);
    expect(ended).toMatchObject({ status: "failed", exitCode: 3, reason: { code: "exit_nonzero" } });
    expect(readFileSync(mark, "utf8")).toBe("ran\n");
    const { text } = await wholeLog(product.api, made.id);
    expect(text).toBe("out\nerr\n");
    expect(ended.attempts).toHaveLength(1);
  });

  test("--sync exits with its code, and -q prints the id; wait and status agree", async () => {
    const sync = await product.cli(["task", "dispatch", "--sync", "--exec", "--", ...shell("echo hello; exit 7")]);
    expect(sync.code).toBe(7);
    expect(`${sync.stdout}${sync.stderr}`).toContain("hello");
    const async_ = await product.cli(["task", "dispatch", "-q", "--exec", "--", ...shell("exit 0")]);
    expect(async_.code).toBe(0);
    const id = async_.stdout.trim();
    const waited = await product.cli(["task", "wait", id, "--timeout", "30"]);
    expect({ code: waited.code, stderr: waited.stderr }).toMatchObject({ code: 0 });
    expect(await product.cliJson(Status, ["task", "status", id])).toMatchObject({ status: "completed", exitCode: 0 });
  });

  test("[TK4] cancelled, nothing of it is left, grandchildren that ignore signals included", async () => {
    const pids = join(work, "pids");
    const script =
      'trap "" INT TERM; (trap "" INT TERM HUP; setsid sh -c \'trap "" INT TERM; echo $$ >>"$1"; while :; do sleep 1; done\' x "$1") & echo $$ >>"$1"; while :; do sleep 1; done';
    const { id } = await dispatchTask(product.api, { command: shell(script, pids), on: {} });
    await poll("both run", () => (existsSync(pids) && readFileSync(pids, "utf8").trim().split("\n").length === 2 ? true : undefined));
    await cancelSoon(product.api, id, "not needed any more");
    const ended = await taskEnds(product.api, id);
    expect(ended).toMatchObject({ status: "cancelled", reason: { code: "cancelled" }, cancel: { reason: "not needed any more" } });
    for (const pid of readFileSync(pids, "utf8").trim().split("\n")) expect(isAlive(Number(pid))).toBe(false);
  });

  test("[TK4] `task cancel` ends what listens, with the reason given", async () => {
    const { id } = await dispatchTask(product.api, { command: ["/bin/sleep", "600"], on: {} });
    await taskShows(product.api, id, "running", ({ status }) => status === "running");
    const cancelled = await product.cli(["task", "cancel", id, "--reason", "not needed any more"]);
    expect({ code: cancelled.code, stderr: cancelled.stderr }).toMatchObject({ code: 0 });
    expect(await taskEnds(product.api, id)).toMatchObject({ status: "cancelled", cancel: { reason: "not needed any more" } });
  });

  test("a timeout ends it", async () => {
    const { id } = await dispatchTask(product.api, { command: ["/bin/sleep", "600"], on: {}, timeoutMs: 1_000 });
    expect(await taskEnds(product.api, id)).toMatchObject({ status: "timed_out", reason: { code: "timeout" } });
  });

  test("logs: followed live, by offset, by lines; what a terminal would obey is told, not done", async () => {
    const { id } = await dispatchTask(product.api, {
      command: shell('printf "one\\n\\033]0;title\\007two\\n"; while [ ! -e "$1" ]; do sleep 0.1; done; echo three', join(work, "go")),
      on: {},
    });
    const follow = product.start(["logs", id, "--follow"]);
    await follow.output("the first lines", ({ stdout }) => (stdout.includes("two") ? true : undefined));
    expect(follow.stdout).not.toContain("\u001b]0;");
    writeFileSync(join(work, "go"), "");
    const followed = await follow.end("logs --follow");
    expect(followed).toMatchObject({ code: 0 });
    expect(followed.stdout).toContain("three");
    await wholeLog(product.api, id);
    expect((await product.cli(["logs", id, "--tail", "1"])).stdout).toBe("three\n");
    expect((await product.cli(["logs", id, "--raw"])).stdout).toBe("one\n\u001b]0;title\u0007two\nthree\n");
  });
});

describe("the queue", () => {
  test("dependencies: one after the other; a failed one ends what hangs on it, and says so", async () => {
    const order = join(work, "order");
    const step = (name: string, code = 0) => shell('echo "$1" >>"$2"; exit "$3"', name, order, String(code));
    const a = await dispatchTask(product.api, { id: "graph-a", command: step("a"), on: {} });
    const b = await dispatchTask(product.api, { command: step("b", 1), on: {}, dependsOn: [{ task: a.id }] });
    const c = await dispatchTask(product.api, { command: step("c"), on: {}, dependsOn: [{ task: b.id }] });
    const d = await dispatchTask(product.api, { command: step("d"), on: {}, dependsOn: [{ task: b.id, on: "completion" }] });
    expect(await taskEnds(product.api, d.id)).toMatchObject({ status: "completed" });
    expect(await taskEnds(product.api, c.id)).toMatchObject({ status: "failed", reason: { code: "dependency_failed" } });
    expect(readFileSync(order, "utf8")).toBe("a\nb\nd\n");
    const refused = await product.api.refused("POST", "/api/v1/tasks", { command: ["/bin/true"], on: {}, dependsOn: [{ task: b.id }] });
    expect(refused).toMatchObject({ status: 409, code: "dependency_failed" });
  });

  test("[SKILL38] what waits says why", async () => {
    const hold = join(work, "hold");
    const busy = await Promise.all(
      Array.from({ length: 4 }, () =>
        dispatchTask(product.api, { command: shell('while [ ! -e "$1" ]; do sleep 0.1; done', hold), on: {} }),
      ),
    );
    await Promise.all(busy.map(({ id }) => taskShows(product.api, id, "running", ({ status }) => status === "running")));
    const waiting = await dispatchTask(product.api, { command: ["/bin/true"], on: {} });
    const shown = await taskShows(product.api, waiting.id, "queued", ({ status }) => status === "queued");
    expect(shown.waiting).toMatchObject({ code: "host_busy" });
    const queue = await product.api.call(Queue, "GET", "/api/v1/queue");
    expect(queue.hosts[0]).toMatchObject({ running: 4, limit: 4 });
    const status = await product.cli(["queue", "status", "--waiting"]);
    expect(status.stdout).toContain(waiting.id.slice(0, 12));
    writeFileSync(hold, "");
    await taskEnds(product.api, waiting.id);
  });

  test("[TK2] it outlives the host-agent and the control plane, and is not run twice", { timeout: 120_000 }, async () => {
    const nonce = join(work, "nonce");
    const { id } = await dispatchTask(product.api, {
      command: shell('echo ran >>"$1"; i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i"; sleep 0.1; done', nonce),
      on: {},
    });
    await taskShows(product.api, id, "running", ({ status }) => status === "running");
    await product.killAndReturn("host-agent");
    await product.killAndReturn("workerd");
    await product.killAndReturn("control-plane");
    expect(await taskEnds(product.api, id, 90_000)).toMatchObject({ status: "completed", exitCode: 0 });
    expect(readFileSync(nonce, "utf8")).toBe("ran\n");
    const { text } = await wholeLog(product.api, id);
    expect(text.trim().split("\n")).toHaveLength(30);
  });
});

describe("the seeds' examples, as written", () => {
  const script = async (text: string) =>
    runChild(["/bin/bash", "-eu", "-c", text], {
      env: product.home.env({
        PATH: `${product.home.path}/bin:${process.env["PATH"] ?? ""}`,
        MAESTRO_WORKSPACE_ROOT: join(product.home.directory("root")),
      }),
    });

  test("1: review, then tests only if the review passed", { timeout: 120_000 }, async () => {
    const ran = await script(`
maestro agent assign code-reviewer --to-workspace /tmp/pr-123-review --priority 1
maestro agent assign test-engineer --to-workspace /tmp/pr-123-tests --priority 2
maestro task dispatch "Review the change" --to code-reviewer --sync
maestro task dispatch "Run the tests" --to test-engineer --depends-on $(maestro task list --last | jq -r '.id') --sync
`);
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain("Review the change in /tmp/pr-123-review");
    expect(ran.stdout).toContain("Run the tests in /tmp/pr-123-tests");
  });

  test("2: two agents in parallel, polled", { timeout: 120_000 }, async () => {
    const ran = await script(`
maestro agent assign flickclaw-bot --to-workspace "$MAESTRO_WORKSPACE_ROOT/backend" --role backend-dev
maestro agent assign frontend-specialist --to-workspace "$MAESTRO_WORKSPACE_ROOT/frontend" --role ui-dev
maestro task dispatch "Build the endpoint" --to flickclaw-bot --async
maestro task dispatch "Build the form" --to frontend-specialist --async --timeout 3600
for i in 1 2 3 4 5 6 7 8 9 10; do
  if [ "$(maestro task status --last flickclaw-bot | jq -r '.status')" = completed ]; then exit 0; fi
done
exit 1
`);
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 });
    expect(
      await product.api.all(Task, "/api/v1/tasks").then((tasks) => tasks.filter(({ status }) => status === "completed").length),
    ).toBeGreaterThanOrEqual(2);
  });
});

describe("workspaces and cleanup", () => {
  test("a task has a workspace of its own under the root, 0700; cleanup removes it and keeps the log when asked", async () => {
    const { id } = await dispatchTask(product.api, { prompt: "look around", to: ["code-reviewer"], workspace: { mode: "default" } });
    await taskEnds(product.api, id);
    const { task, text } = await wholeLog(product.api, id);
    const workspace = task.attempts[0]?.workspace ?? "";
    expect(workspace).toContain(id);
    expect(text).toContain(workspace);
    const cleaned = await product.cli(["cleanup", id, "--keep-logs", "--yes"]);
    expect({ code: cleaned.code, stderr: cleaned.stderr }).toMatchObject({ code: 0 });
    expect(existsSync(workspace)).toBe(false);
    expect((await wholeLog(product.api, id)).text).toBe(text);
  });

  test("a git worktree of a branch of its own is kept while it holds work that is nowhere else", async () => {
    const repo = product.home.directory("repo");
    const git = (...args: string[]) =>
      runChild(["git", "-C", repo, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { env: product.home.env() });
    await git("init", "-q", "-b", "main");
    await git("commit", "-q", "--allow-empty", "-m", "begin");
    const { id } = await dispatchTask(product.api, {
      command: shell("echo new >file; git status --short"),
      on: {},
      workspace: { mode: "worktree", repo },
    });
    const ended = await taskEnds(product.api, id);
    expect(ended).toMatchObject({ status: "completed" });
    expect(ended.attempts[0]?.branch).toContain(id);
    const cleaned = await product.cli(["cleanup", id, "--yes", "--json"]);
    expect(cleaned.stdout).toContain("kept");
    expect(existsSync(join(ended.attempts[0]?.workspace ?? "", "file"))).toBe(true);
    expect(await taskOf(product.api, id)).toBeDefined();
  });
});
