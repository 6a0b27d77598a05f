/** [SKILL10] `maestro task dispatch`: what is sent, what is printed, how it exits. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_IMAGE_BYTES, MAX_PROMPT_CHARS } from "@maestro/shared/limits";
import { FakeServer, json, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { ATTEMPT, fakeLog, fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";

let dir: string;
let server: FakeServer;
let answer: (asked: Asked) => Answer | undefined;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mtask-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(async () => {
  const queued = fakeTask({}, fakeTarget("reviewer", { status: "queued" }));
  answer = ({ method }) => (method === "POST" ? json(queued, 201) : undefined);
  server = await FakeServer.open((asked) => answer(asked));
});
afterEach(async () => server[Symbol.asyncDispose]());

const cli = (argv: readonly string[], { env = {}, ...options }: RunOptions = {}) =>
  runCli(["task", "dispatch", ...argv], {
    ...options,
    env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001", ...env },
  });
const sent = (): unknown =>
  JSON.parse(server.asked.find(({ method, path: at }) => method === "POST" && at === "/api/v1/tasks")?.body ?? "null");

describe("what is sent", { timeout: 30_000 }, () => {
  test.each<[string[], object]>([
    [["do it", "--to", "a,b", "--to", "c"], { prompt: "do it", to: ["a", "b", "c"] }],
    [["do it", "--host", "gpu-1"], { prompt: "do it", on: { host: "gpu-1" } }],
    [
      ["do it", "--host-label", "os=linux", "--capability", "gpu,git", "--capability", "node", "--mode", "plan"],
      { prompt: "do it", mode: "plan", on: { labels: { os: "linux" }, capabilities: ["gpu", "git", "node"] } },
    ],
    [["--exec", "--capability", "git", "--", "ls"], { command: ["ls"], on: { capabilities: ["git"] } }],
    [["--exec", "--", "make", "-j", "--sync"], { command: ["make", "-j", "--sync"], on: {} }],
    [["--exec", "--to", "a", "--", "ls"], { command: ["ls"], to: ["a"] }],
    [
      ["x", "--timeout", "60", "--schedule-timeout", "5", "--heartbeat-timeout", "7", "--retries", "2", "--priority", "1"],
      { prompt: "x", timeoutMs: 60_000, scheduleTimeoutMs: 5_000, heartbeatTimeoutMs: 7_000, retries: 2, priority: 1 },
    ],
    [
      ["x", "--depends-on", "t1", "--depends-on", "t2:completion", "--if-failed", "run", "--id", "t3"],
      { prompt: "x", dependsOn: [{ task: "t1" }, { task: "t2", on: "completion" }], ifFailed: "run", id: "t3" },
    ],
    [
      ["x", "--idempotent", "--on-lost", "retry", "--model", "m", "--description", "d", "--trace", "--label", "target=gpu-1"],
      { prompt: "x", idempotent: true, onLost: "retry", model: "m", description: "d", trace: true, labels: { target: "gpu-1" } },
    ],
    [["x", "--to-workspace", "/w"], { prompt: "x", workspace: { mode: "path", path: "/w" } }],
    [
      ["x", "--repo", "git@github.com:me/app.git", "--branch", "b"],
      { prompt: "x", repository: { url: "git@github.com:me/app.git", branch: "b" } },
    ],
    [["x", "--container", "dev"], { prompt: "x", container: "dev" }],
    [["x", "--new-workspace"], { prompt: "x", workspace: { mode: "default" } }],
    [["x", "--worktree", "/r", "--branch", "b"], { prompt: "x", workspace: { mode: "worktree", repo: "/r", branch: "b" } }],
    [["x", "--group", "deploys:2"], { prompt: "x", group: { name: "deploys", limit: 2 } }],
    [
      ["x", "--env", "GH_TOKEN", "--env", "CI=1=2", "--env", "EMPTY=", "--secret", "KEY", "--host-env", "OPENAI_API_KEY"],
      { prompt: "x", credentials: { GH_TOKEN: "s3cret" }, env: { CI: "1=2", EMPTY: "" }, secrets: ["KEY"], hostEnv: ["OPENAI_API_KEY"] },
    ],
  ])("%j", async (argv, body) => {
    expect(await cli(argv, { env: { GH_TOKEN: "s3cret" } })).toMatchObject({ code: 0, stderr: "" });
    expect(sent()).toEqual(body);
  });

  test("a prompt from a file or from standard input, as it stands", async () => {
    const file = path.join(dir, "prompt");
    writeFileSync(file, "line 1\n--looks like a flag\n");
    await cli(["--prompt-file", file]);
    expect(sent()).toEqual({ prompt: "line 1\n--looks like a flag\n" });
    server.asked.length = 0;
    await cli(["--prompt-file", "-"], { stdin: "-x from stdin" });
    expect(sent()).toEqual({ prompt: "-x from stdin" });
  });
});

describe("[SSH18] images", { timeout: 30_000 }, () => {
  const PNG = Buffer.from("\x89PNG\r\n\x1a\nand so on", "latin1");
  const write = (name: string, bytes: Uint8Array): string => {
    const file = path.join(dir, name);
    writeFileSync(file, bytes);
    return file;
  };

  test("go with the prompt, each by its name, in their order", async () => {
    const [one, two] = [write("a b.png", PNG), write("two.jpg", Buffer.from("ffd8ffe0", "hex"))];
    expect(await cli(["look", "--image", one, "--image", two])).toMatchObject({ code: 0, stderr: "" });
    expect(sent()).toEqual({
      prompt: "look",
      images: [
        { name: "a b.png", data: PNG.toString("base64") },
        { name: "two.jpg", data: "/9j/4A==" },
      ],
    });
  });

  test("are shown with the task", async () => {
    const images = [{ name: "1-a.png", type: "png" as const, bytes: 1_234_567, sha256: "0".repeat(64) }];
    answer = () => json({ ...fakeTask({ images }), attempts: [] });
    const shown = await runCli(["task", "status", TASK, "--format", "table"], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
    expect(shown.stdout).toMatch(/^images\s+1-a\.png \(1,234,567 bytes\)$/im);
  });

  test.each<[string, string, Uint8Array, string]>([
    ["no image, whatever its name says", "a.png", Buffer.from("<svg>"), "image_invalid"],
    ["empty", "a.png", Buffer.alloc(0), "image_invalid"],
    ["too large", "a.png", Buffer.concat([PNG, Buffer.alloc(MAX_IMAGE_BYTES)]), "image_too_large"],
  ])("one that is %s is refused before anything is sent", async (_what, name, bytes, code) => {
    const file = write(name, bytes);
    const run = await cli(["look", "--image", write("good.png", PNG), "--image", file, "--json"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code, field: "image", detail: expect.stringContaining(file) });
    expect(server.asked).toEqual([]);
  });

  test("too many, ones that are not there, and any for a command are refused as well", async () => {
    const file = write("good.png", PNG);
    const many = Array.from({ length: 11 }, () => ["--image", file]).flat();
    for (const [argv, code] of [
      [["look", ...many], "image_limit"],
      [["look", "--image", path.join(dir, "nowhere.png")], "field_invalid"],
      [["--image", file, "--exec", "--json", "--", "ls"], "conflicting_flags"],
    ] as const) {
      const run = await cli(argv.includes("--json") ? argv : [...argv, "--json"]);
      expect(problemOf(run)).toMatchObject({ code, field: "image" });
    }
    expect(server.asked).toEqual([]);
  });
});

describe("bad inputs", { timeout: 30_000 }, () => {
  const binary = "binary";
  test.each<[string[], number, string, string | undefined]>([
    [["x", "--timeout", "abc"], 2, "flag_invalid", "timeout"],
    [["x", "--timeout", "0"], 2, "flag_invalid", "timeout"],
    [["x", "--sync", "--async"], 2, "conflicting_flags", "sync"],
    [["x", "--exec", "--", "ls"], 2, "conflicting_flags", "exec"],
    [["x", "--prompt-file", "f"], 2, "conflicting_flags", "prompt-file"],
    [["--exec", "--prompt-file", "f", "--", "ls"], 2, "conflicting_flags", "exec"],
    [["--to-workspace", "/a", "--worktree", "/b", "x"], 2, "conflicting_flags", "to-workspace"],
    [["--new-workspace", "--to-workspace", "/a", "x"], 2, "conflicting_flags", "new-workspace"],
    [["--worktree", "/a", "--new-workspace", "x"], 2, "conflicting_flags", "new-workspace"],
    [[], 2, "usage", "prompt"],
    [["  "], 2, "usage", "prompt"],
    [["fix", "the", "bug"], 2, "usage", undefined],
    [["--exec"], 2, "usage", "exec"],
    [["--", "ls"], 2, "usage", "exec"],
    [["x", "--branch", "b"], 2, "usage", "branch"],
    [["x", "--to-workspace", "here"], 2, "usage", "to-workspace"],
    [["x", "--priority", "6"], 2, "flag_invalid", "priority"],
    [["x", "--depends-on", "null"], 2, "flag_invalid", "depends-on"],
    [["x", "--depends-on", "t1:maybe"], 2, "flag_invalid", "depends-on"],
    [["x", "--group", "deploys"], 2, "flag_invalid", "group"],
    [["x", "--env", "NOT_HERE"], 2, "field_invalid", "env"],
    [["x", "--env", "1A=x"], 2, "env_name_invalid", "env"],
    [["x", "--on-lost", "never"], 2, "flag_invalid", "on-lost"],
    [["--prompt-file", "/nonexistent/p"], 2, "field_invalid", "prompt-file"],
    [["--prompt-file", binary], 2, "field_invalid", "prompt-file"],
    [["x".repeat(MAX_PROMPT_CHARS + 1)], 2, "prompt_too_large", "prompt"],
  ])("[51] [52] %j exits %i with %s", async (argv, code, name, field) => {
    const file = path.join(dir, binary);
    writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]));
    const run = await cli([
      ...argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined).map((word) => (word === binary ? file : word)),
      "--json",
      ...(argv.includes("--") ? argv.slice(argv.indexOf("--")) : []),
    ]);
    expect(run).toMatchObject({ code, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: name, ...(field === undefined ? {} : { field }) });
    expect(server.asked).toEqual([]);
  });

  test("the server's refusal is told as it is", async () => {
    answer = () => refused(400, "dependency_cycle", { field: "dependsOn", hint: "a → b → a" });
    const run = await cli(["x", "--json"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "dependency_cycle", field: "dependsOn", hint: "a → b → a" });
  });
});

describe("a connection that breaks at submission", { timeout: 30_000 }, () => {
  const keys = () => server.asked.map(({ headers }) => headers["idempotency-key"]);

  test("is asked again under the same key, so that there is one task", async () => {
    const answers = [{ ...json({}), body: '{"id":', cut: true as const }, refused(409, "idempotency_in_progress"), json(fakeTask(), 201)];
    answer = () => answers.shift();
    expect(await cli(["x"])).toMatchObject({ code: 0, stdout: `${TASK}\n` });
    expect(keys()).toHaveLength(3);
    expect(new Set(keys()).size).toBe(1);
  });

  test("is not, where it was refused or nobody listened", async () => {
    answer = () => refused(503, "internal");
    expect(await cli(["x"])).toMatchObject({ code: 1, stdout: "" });
    expect(keys()).toHaveLength(1);
    expect(await cli(["x"], { env: { MAESTRO_URL: "http://127.0.0.1:1" } })).toMatchObject({ code: 3, stdout: "" });
  });
});

describe("--async", { timeout: 30_000 }, () => {
  test("is the default: the id and nothing else; at a terminal also what to do next", async () => {
    expect(await cli(["x"])).toEqual({ code: 0, stdout: `${TASK}\n`, stderr: "" });
    expect(await cli(["x", "--async", "-q"])).toEqual({ code: 0, stdout: `${TASK}\n`, stderr: "" });
    expect(await cli(["x"], { person: () => undefined })).toEqual({
      code: 0,
      stdout: `${TASK}\n`,
      stderr: `queued. Follow it: maestro logs ${TASK} --follow\n`,
    });
    expect(JSON.parse((await cli(["x", "--json"])).stdout)).toMatchObject({ id: TASK, status: "queued" });
  });
});

describe("--sync", { timeout: 30_000 }, () => {
  const times = { startedAt: "2026-01-01T00:00:00.000Z", finishedAt: "2026-01-01T00:01:05.000Z" };
  const usage = { inputTokens: 1234, outputTokens: 56, costUsd: 0.0123 };
  /** Answers of `wait`, in turn; the last one stays. */
  const waits = (...tasks: object[]) => {
    answer = ({ method, path: at }) => {
      if (method === "POST") return json(fakeTask({}, fakeTarget("reviewer", { status: "queued" })), 201);
      if (at.endsWith("/wait")) return json(tasks.length > 1 ? tasks.shift() : tasks[0]);
      return at.includes(ATTEMPT) ? fakeLog("last\nlines\u001b[2J\n") : undefined;
    };
  };

  test("tells how it goes on standard error, and the result on standard output", async () => {
    const running = fakeTask({}, fakeTarget("reviewer", { status: "running" }));
    waits(running, running, fakeTask({ ...times, usage }, fakeTarget("reviewer", { result: "Looks good.\n- one", exitCode: 0 })));
    expect(await cli(["x", "--sync"])).toEqual({
      code: 0,
      stdout: "Looks good.\n- one\n",
      stderr: `reviewer: queued\nreviewer: running on gpu-1\nreviewer: completed\nTask ${TASK} completed in 1m 05s; 1,234 tokens in, 56 out, $0.0123\n`,
    });
  });

  test("without a result the end of the log is printed, and the code of the command passes through", async () => {
    const reason = { code: "exit_nonzero" as const, detail: "Ended with 7" };
    waits(fakeTask(times, fakeTarget("reviewer", { status: "failed", exitCode: 7, reason })));
    const run = await cli(["--exec", "--sync", "--", "make"]);
    expect(run).toMatchObject({ code: 7, stdout: "last\nlines\n" });
    expect(run.stderr).toContain(`maestro: Task ${TASK} failed: Ended with 7. (task_failed)\n  See: maestro logs ${TASK}\n`);
  });

  test("of several agents has each one's result, and the first code in their order", async () => {
    waits(
      fakeTask(
        { status: "failed" },
        fakeTarget("a", { result: "fine" }),
        fakeTarget("b", { status: "failed", exitCode: 3, result: "bad", reason: { code: "agent_error", detail: "It said no" } }),
        fakeTarget("c", { status: "failed", exitCode: 4, result: "worse" }),
      ),
    );
    const run = await cli(["x", "--sync", "--to", "a,b,c"]);
    expect(run).toMatchObject({ code: 3, stdout: "== a: completed\nfine\n== b: failed, It said no\nbad\n== c: failed\nworse\n" });
  });

  test("--json prints the task with what it exits with, and the refusal apart; -q the id", async () => {
    waits(fakeTask({}, fakeTarget("reviewer", { status: "timed_out", exitCode: 143, reason: { code: "timeout", detail: "Took longer" } })));
    const run = await cli(["x", "--sync", "--json"]);
    expect(run.code).toBe(5);
    expect(JSON.parse(run.stdout)).toMatchObject({ id: TASK, status: "timed_out", exit: 5, targets: [{ exitCode: 143 }] });
    expect(problemOf(run)).toMatchObject({ code: "timeout", task: TASK, reason: "timeout" });
    expect(await cli(["x", "--sync", "-q"])).toMatchObject({ code: 5, stdout: `${TASK}\n` });
  });

  test("at a terminal is drawn in place, with the last line that it wrote", async () => {
    const running = fakeTask(times, fakeTarget("reviewer", { status: "running" }));
    let waited = 0;
    answer = ({ method, path: at }) => {
      if (method === "POST") return json(running, 201);
      if (at.includes(ATTEMPT)) return fakeLog("compiling \u001b]0;x\u0007things\n");
      // Once its line has been read there is something to see.
      const seen = server.asked.some((asked) => asked.path.includes(ATTEMPT));
      if (seen) waited++;
      return json(waited > 5 ? fakeTask(times, fakeTarget("reviewer", { result: "\u001b]0;t\u0007ok" })) : running);
    };
    const run = await cli(["x", "--sync"], { person: () => undefined });
    expect(run).toMatchObject({ code: 0, stdout: "ok\n" });
    expect(run.stderr).toContain("\u001b[2A\r\u001b[J");
    expect(run.stderr).toContain("compiling ]0;xthings");
    expect(run.stderr).not.toContain("\u001b]");
  });

  test("a result is as it came in a pipe, and safe at a terminal", async () => {
    waits(fakeTask({}, fakeTarget("reviewer", { result: "a\tb\u001b]0;x\u0007\n" })));
    expect((await cli(["x", "--sync"])).stdout).toBe("a\tb\u001b]0;x\u0007\n");
    expect((await cli(["x", "--sync"], { person: () => undefined })).stdout).toBe("a\tb\n");
  });

  test("outlives a control plane that is away for a while", async () => {
    let away = 3;
    const ended = fakeTask({}, fakeTarget("reviewer", { result: "ok" }));
    answer = ({ method }) =>
      method === "POST"
        ? json(fakeTask({}, fakeTarget("reviewer", { status: "running" })), 201)
        : away-- > 0
          ? refused(503, "internal")
          : json(ended);
    const run = await cli(["x", "--sync"]);
    expect(run).toMatchObject({ code: 0, stdout: "ok\n" });
    expect(run.stderr.match(/asking again/g)).toHaveLength(1);
  });
});
