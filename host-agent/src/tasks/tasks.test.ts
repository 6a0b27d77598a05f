/** Tasks on a whole host-agent, with real files and processes; the relay is a real socket. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import * as path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { readStat } from "../holder/processes.ts";
import { membersOf } from "./members.ts";
import { attemptFile, type Dialogue, reportsOn, type TaskHost } from "./testing/task-host.ts";
import { belonging, gateOf, killRunner, setUp, undoAll } from "./testing/task-rig.ts";

afterEach(undoAll);

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) => String(error),
  );

describe("two phases", () => {
  test("[TK1] an offer is accepted, started, runs and ends, with its log and exit", async () => {
    const { host, link, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "echo hello; echo bad >&2; exit 3"]);
    expect(await task.offer()).toEqual({ answer: "accepted" });
    expect(attemptFile(host, task.spec.attempt, "started")).toBeUndefined();
    expect(await task.start()).toMatchObject({ state: "running", workspace: `${host.workspaceRoot}/commands/${task.spec.task}` });
    const end = await task.ended();
    const log = attemptFile(host, task.spec.attempt, "agent.log") ?? "";
    expect(log).toBe("hello\nbad\n");
    expect(end).toMatchObject({
      outcome: "failed",
      exitCode: 3,
      reason: { code: "exit_nonzero" },
      log: { bytes: log.length, sha256: createHash("sha256").update(log).digest("hex") },
    });
    const opened = await link.frame("log.open");
    await link.until(() =>
      link.data(opened.channel).reduce((sum, { payload }) => sum + payload.byteLength, 0) >= log.length ? true : undefined,
    );
    expect(Buffer.concat(link.data(opened.channel).map(({ payload }) => payload)).toString()).toBe(log);
  });

  test("[TK1] the same offer or start again is answered with how it stands, and nothing runs twice", async () => {
    const { host, dialogue } = await setUp();
    const gate = gateOf(host);
    const nonces = path.join(host.home.dir, "nonces");
    const task = dialogue(["sh", "-c", `echo ran >>'${nonces}'; ${gate.wait}`]);
    expect(await Promise.all([task.offer(), task.offer()])).toEqual([
      { answer: "accepted" },
      { answer: "known", status: { state: "accepted" } },
    ]);
    const states = await Promise.all([task.start(), task.start(), task.start()]);
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set(["running"]));
    expect(await task.offer()).toMatchObject({ answer: "known", status: { state: "running" } });
    gate.open();
    const end = await task.ended();
    expect(end.outcome).toBe("completed");
    expect(await task.start()).toEqual({ state: "ended", end, workspace: expect.any(String) });
    task.ack();
    expect(await task.offer()).toEqual({ answer: "known", status: { state: "ended", end, workspace: expect.any(String) } });
    expect(readFileSync(nonces, "utf8")).toBe("ran\n");
  });

  test("[TK3] another fence starts nothing", async () => {
    const { dialogue } = await setUp();
    const task = dialogue(["true"], { fence: 5 });
    await task.offer();
    const old = dialogue(["true"], { ...task.spec, fence: 4 });
    expect(await code(old.offer())).toContain("stale_fence");
    expect(await code(old.start())).toContain("stale_fence");
    expect(await code(old.cancel())).toContain("stale_fence");
    expect(await code(dialogue(["true"]).start())).toContain("attempt_not_found");
    expect(await task.start()).toMatchObject({ state: "running" });
  });

  test("[TK1] a spec that outgrew its frame comes as a blob, and another one is refused", async () => {
    const { link, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "wc -c <<EOF\n".concat("x".repeat(100_000), "\nEOF")]);
    await task.offerAsBlob();
    expect(await task.start()).toMatchObject({ state: "running" });
    expect(await task.ended()).toMatchObject({ outcome: "completed" });
    const other = dialogue(["true"]);
    expect(await code(other.offerAsBlob((bytes) => bytes.fill(65, 10, 20)))).toContain("frame_invalid");
    expect(link.closed).toBeUndefined();
  });

  test("[TK3] after each welcome all attempts are named, ends until they are acknowledged", async () => {
    const { host, link, dialogue } = await setUp({ settings: { timeScale: 0.1 } });
    const [accepted, running, ended, acked] = [dialogue(["true"]), dialogue(["sleep", "60"]), dialogue(["true"]), dialogue(["true"])];
    await accepted.offer();
    for (const task of [ended, acked]) await task.run();
    await running.offer();
    await running.start();
    acked.ack();
    await link.request({ t: "detect", id: link.nextId() });
    link.tcp.destroy();
    const second = await host.relay.link(1);
    const page = await second.frame("attempts");
    expect(page).toMatchObject({ first: true, more: false });
    const named = Object.fromEntries(page.items.map(({ attempt, status }) => [attempt, status.state]));
    expect(named).toEqual({ [accepted.spec.attempt]: "accepted", [running.spec.attempt]: "running", [ended.spec.attempt]: "ended" });
    second.send({ t: "sync", attempts: true });
    await second.until(() => (second.frames("attempts").length === 2 ? true : undefined));
    second.send({ t: "task.ack", attempt: running.spec.attempt, fence: 1, unknown: true });
    expect(await running.ended(second)).toMatchObject({ outcome: "cancelled" });
  });
});

describe("refusals", () => {
  test("[TK1] more than the host does at once is refused, and taken when there is room", async () => {
    const { dialogue } = await setUp({ settings: { maxConcurrent: 1 } });
    const first = dialogue(["sleep", "60"]);
    await first.offer();
    const second = dialogue(["true"]);
    expect(await second.offer()).toMatchObject({ answer: "refused", reason: { code: "offer_refused" } });
    await first.start();
    expect(await second.offer()).toMatchObject({ answer: "refused" });
    await first.cancel(100);
    await first.ended();
    expect(await second.offer()).toEqual({ answer: "accepted" });
  });

  test("a host that drains, and one without room on its disk, take nothing", async () => {
    const { link, dialogue } = await setUp({ settings: { minFreeMb: 900_000 } });
    expect(await dialogue(["true"]).offer()).toMatchObject({ answer: "refused", reason: { code: "disk_low" } });
    link.send({ t: "drain", draining: true });
    expect(await dialogue(["true"]).offer()).toMatchObject({
      answer: "refused",
      reason: { code: "offer_refused", detail: expect.stringContaining("drains") },
    });
  });

  test.each([
    ["no such program", { command: ["no-such-program-anywhere"] }, "spawn_failed"],
    ["an agent without its CLI", { command: undefined, prompt: "x", agent: agent({ type: "amp" }) }, "agent_cli_missing"],
    ["an unknown type", { command: undefined, prompt: "x", agent: agent({ type: "nothing" }) }, "agent_cli_missing"],
    ["a workspace outside the roots", { workspace: { mode: "path", path: "/etc/x" } }, "policy_denied"],
    ["a repository outside the roots", { workspace: { mode: "worktree", repo: "/var/lib" } }, "policy_denied"],
    ["a directory outside the roots", { cwd: "/etc" }, "policy_denied"],
    ["a forbidden variable", { env: { LD_PRELOAD: "x" } }, "policy_denied"],
    ["a forbidden secret", { secretNames: ["NODE_OPTIONS"] }, "policy_denied"],
    ["a variable of the host that is not passed on", { hostEnv: ["HOST_ONLY"] }, "policy_denied"],
  ] as [string, Partial<AttemptSpec>, string][])("%s is refused with its reason", async (_, more, reason) => {
    const { dialogue } = await setUp();
    expect(await dialogue(["true"], more).offer()).toMatchObject({
      answer: "refused",
      reason: { code: reason, detail: expect.any(String) },
    });
  });

  test("[26] the daemon's own directory is no workspace, also through a link", async () => {
    const { host, dialogue } = await setUp();
    const { symlinkSync } = await import("node:fs");
    const link = path.join(host.home.dir, "innocent");
    symlinkSync(host.home.paths.hostDir, link);
    for (const where of [host.home.paths.attemptsDir, link])
      expect(await dialogue(["true"], { workspace: { mode: "path", path: where } }).offer()).toMatchObject({
        reason: { code: "policy_denied" },
      });
  });

  test("the host's policy: programs, names, concurrency, and no shell", async () => {
    const policy = "binaries: [sleep, /usr/bin/env]\nforward: [MY_KEY]\nmax_concurrent: 1\n";
    const { dialogue } = await setUp({ policy });
    expect(await dialogue(["sh", "-c", "true"]).offer()).toMatchObject({
      reason: { code: "policy_denied", hint: expect.stringContaining("sleep") },
    });
    expect(await dialogue(["sleep", "0"], { secretNames: ["OTHER"] }).offer()).toMatchObject({ reason: { code: "policy_denied" } });
    const sleeps = dialogue(["sleep", "60"], { secretNames: ["MY_KEY"] });
    expect(await sleeps.offer()).toEqual({ answer: "accepted" });
    expect(await dialogue(["sleep", "60"]).offer()).toMatchObject({ reason: { code: "offer_refused" } });
    const deny = await setUp({ policy: "shell: deny\n" });
    expect(await deny.dialogue(["true"]).offer()).toMatchObject({ reason: { code: "policy_denied" } });
  });
});

/** Runners of the program as this host installed it, without what they began. */
const shellsOf = ({ home }: TaskHost): string[] =>
  readdirSync("/proc").filter((name) => {
    try {
      const argv = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "latin1") : "";
      return (
        argv.includes(`\0${home.paths.runnerDir}/`) && argv.includes(".sh\0ahead\0") && readStat(Number(name))?.session === Number(name)
      );
    } catch {
      return false;
    }
  });

// With systemd none begins before its scope is wanted.
describe.skipIf(!existsSync("/proc/self/cmdline") || existsSync("/run/systemd/system"))("a shell that waits for its orders", () => {
  const count = (host: TaskHost, wanted: number) => expect.poll(() => shellsOf(host).length, { timeout: 3_000 }).toBe(wanted);

  test.each<[string, (task: Dialogue) => Promise<unknown>]>([
    ["is cancelled", (task) => task.cancel()],
    ["is started with what cannot be opened", (task) => task.startSealedFor("another")],
  ])("[TK1] goes when its attempt %s, but for one to spare", async (_how, end) => {
    const { host, dialogue } = await setUp();
    const tasks = [dialogue(["true"]), dialogue(["true"])];
    for (const task of tasks) await task.offer();
    await count(host, 2);
    for (const task of tasks) await end(task);
    await count(host, 1);
  });

  test("[TK1] begins with the link, and goes with the daemon, and while the host drains", async () => {
    const { host, link } = await setUp();
    await count(host, 1);
    link.send({ t: "drain", draining: true });
    await count(host, 0);
    link.send({ t: "drain", draining: false });
    await count(host, 1);
    await host.agent.stop();
    await count(host, 0);
  });

  test("[TK1] is the next task's, and another one is there for the task after it", async () => {
    const { host, dialogue } = await setUp();
    const gate = gateOf(host);
    await count(host, 1);
    const spare = shellsOf(host);
    const task = dialogue(["sh", "-c", gate.wait]);
    await task.offer();
    await task.start();
    expect(attemptFile(host, task.spec.attempt, "started")?.split(" ")[0]).toBe(spare[0]);
    await count(host, 2);
    gate.open();
    await task.ended();
    await count(host, 1);
  });
});

describe("cancelling", () => {
  test("[TK4] what was only accepted is cancelled at once, and never starts", async () => {
    const { dialogue } = await setUp();
    const task = dialogue(["true"]);
    await task.offer();
    expect(await task.cancel()).toMatchObject({ state: "ended", end: { outcome: "cancelled", exitCode: null } });
    expect(await task.start()).toMatchObject({ state: "ended", end: { outcome: "cancelled" } });
  });

  test("[TK4] SIGINT is enough for what listens to it, and its last words are in the log", async () => {
    const { host, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "trap 'echo interrupted; exit 130' INT; echo ready; while :; do sleep 0.05; done"]);
    await task.offer();
    await task.start();
    await expect.poll(() => attemptFile(host, task.spec.attempt, "agent.log")).toBe("ready\n");
    expect(await task.cancel(10_000)).toMatchObject({ state: "cancelling" });
    expect(await task.ended()).toMatchObject({ outcome: "cancelled", reason: { code: "cancelled" }, exitCode: 130 });
    expect(attemptFile(host, task.spec.attempt, "agent.log")).toBe("ready\ninterrupted\n");
  });

  test("[F35] who ignores INT and TERM is killed, its descendants in sessions of their own too, stopped ones as well", async () => {
    const { host, dialogue } = await setUp();
    const deaf = `trap '' INT TERM; setsid sh -c 'trap "" INT TERM HUP; echo deep; while :; do sleep 1; done' & kill -STOP $$; while :; do sleep 1; done`;
    const task = dialogue(["sh", "-c", deaf]);
    await task.offer();
    await task.start();
    await expect.poll(() => attemptFile(host, task.spec.attempt, "agent.log")).toBe("deep\n");
    await task.cancel(300);
    expect(await task.ended()).toMatchObject({ outcome: "cancelled", signal: "SIGKILL", exitCode: null });
    expect(membersOf(belonging(host, task.spec.attempt))).toEqual([]);
  });

  test("[TK4] what ended by itself before stays as it ended", async () => {
    const { dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "exit 4"]);
    const end = await task.run();
    expect(await task.cancel()).toEqual({ state: "ended", end, workspace: expect.any(String) });
  });
});

describe("ends", () => {
  test("[F6] the runner is killed: failed, and nothing of it is left", async () => {
    const { host, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "setsid sleep 60 & echo on; sleep 60"]);
    await task.offer();
    await task.start();
    await expect.poll(() => attemptFile(host, task.spec.attempt, "agent.log")).toBe("on\n");
    killRunner(host, task);
    expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "runner_died" }, exitCode: null, log: { bytes: 3 } });
    expect(membersOf(belonging(host, task.spec.attempt))).toEqual([]);
  });

  test("a timeout, silence, and a log without end", async () => {
    const { dialogue } = await setUp({ policy: "log_limit: 1m\n", settings: { timeScale: 0.2 } });
    const [long, silent, loud] = [
      dialogue(["sleep", "60"], { timeoutMs: 1_000 }),
      dialogue(["sh", "-c", "echo x; sleep 60"], { heartbeatTimeoutMs: 1_000 }),
      dialogue(["yes"], { heartbeatTimeoutMs: 1_000 }),
    ];
    const [timedOut, fellSilent, flooded] = await Promise.all([long.run(), silent.run(), loud.run()]);
    expect(timedOut).toMatchObject({ outcome: "timed_out", reason: { code: "timeout" } });
    expect(fellSilent).toMatchObject({ outcome: "timed_out", reason: { code: "heartbeat_timeout" } });
    expect(flooded).toMatchObject({ outcome: "failed", reason: { code: "log_limit", hint: expect.stringContaining("log_limit") } });
  });

  test("[LK8] what a program takes is told with its first sample", async () => {
    const { dialogue } = await setUp({ settings: { timeScale: 1 } });
    const busy = dialogue(["sh", "-c", "while :; do :; done"]);
    expect(await busy.offer()).toEqual({ answer: "accepted" });
    await busy.start();
    const measured = await busy.link.until(
      () =>
        reportsOn(busy.link).flatMap(({ status }) => (status.state === "running" && status.memoryBytes !== undefined ? [status] : []))[0],
      "the first sample",
      20_000,
    );
    expect(measured.memoryBytes).toBeGreaterThan(0);
    expect(measured.cpu).toBeGreaterThan(0.05);
    await busy.cancel();
    expect(await busy.ended()).toMatchObject({ outcome: "cancelled" });
  });

  test("a signal, and what a program used", async () => {
    const { dialogue } = await setUp();
    expect(await dialogue(["sh", "-c", "kill -SEGV $$"]).run()).toMatchObject({
      outcome: "failed",
      reason: { code: "killed_by_signal" },
      signal: "SIGSEGV",
      exitCode: null,
    });
    const end = await dialogue(["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]).run();
    expect(end.usage?.cpuMs).toBeGreaterThan(20);
    expect(end.usage?.wallMs).toBeGreaterThan(20);
    expect(end.endedMs).toBeGreaterThanOrEqual(end.startedMs ?? Number.POSITIVE_INFINITY);
  });

  test("[F26] out of memory is told as that", async () => {
    const { dialogue } = await setUp();
    const hungry = "const all = []; for (;;) all.push(Buffer.alloc(1024 * 1024, 1));";
    const task = dialogue([process.execPath, "-e", hungry], {
      agent: agent({ type: "small", definition: { slug: "small", adapter: "shell", resource_limits: { memory: "100m" } } }),
    });
    const end = await task.run();
    if (!existsSync("/sys/fs/cgroup/memory") && !existsSync("/sys/fs/cgroup/cgroup.controllers")) return;
    expect(end).toMatchObject({ outcome: "failed", reason: { code: "oom_killed" }, signal: "SIGKILL" });
  });
});

describe("secrets", () => {
  test("[TK5] [LG4] they reach the child, and neither the disk nor the log", async () => {
    const { host, dialogue } = await setUp();
    const secret = `canary-${"q".repeat(24)}`;
    const task = dialogue(["sh", "-c", 'printf %s "$MY_SECRET" | sha256sum; echo "it is $MY_SECRET"; echo "$MAESTRO_URL"'], {
      secretNames: ["MY_SECRET"],
    });
    expect(await task.run({ MY_SECRET: secret, MAESTRO_URL: "https://example.test", UNASKED: "x" })).toMatchObject({
      outcome: "completed",
    });
    const log = attemptFile(host, task.spec.attempt, "agent.log");
    expect(log).toContain(createHash("sha256").update(secret).digest("hex"));
    expect(log).toContain(`it is ${"*".repeat(secret.length)}\n`);
    expect(log).toContain("https://example.test\n");
    const { execFileSync } = await import("node:child_process");
    expect(() => execFileSync("grep", ["-rlF", secret, host.home.dir])).toThrow();
  });

  test("[TK5] a secret that did not come, one of the host that is not set, and one that opens with another key", async () => {
    const { dialogue } = await setUp();
    expect(await dialogue(["true"], { secretNames: ["A_KEY"] }).run()).toMatchObject({
      outcome: "failed",
      reason: { code: "secret_missing", detail: expect.stringContaining("A_KEY") },
    });
    vi.stubEnv("OPENROUTER_API_KEY", undefined);
    expect(await dialogue(["true"], { hostEnv: ["OPENROUTER_API_KEY"] }).run()).toMatchObject({ reason: { code: "secret_missing" } });
    const task = dialogue(["true"]);
    await task.offer();
    expect(await task.startSealedFor("another")).toMatchObject({
      state: "ended",
      end: { outcome: "failed", reason: { code: "secret_missing" } },
    });
  });

  test("[TK5] the host's own value of an allowed name reaches the child, and is blotted out", async () => {
    vi.stubEnv("GEMINI_API_KEY", "from-the-host-123");
    const { host, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", 'echo "$GEMINI_API_KEY" | tr a-z A-Z; echo "$GEMINI_API_KEY"; env | sort'], {
      hostEnv: ["GEMINI_API_KEY"],
    });
    await task.run();
    const log = attemptFile(host, task.spec.attempt, "agent.log") ?? "";
    expect(log).toContain("FROM-THE-HOST-123\n*****************\n");
    expect(log).not.toContain("MAESTRO_TEST");
    expect(log).toContain(`MAESTRO_ATTEMPT_ID=${task.spec.attempt}\n`);
  });
});

describe("workspaces", () => {
  test("the default one is the task's own, 0700, with a link to the latest log", async () => {
    const { host, dialogue } = await setUp();
    const first = dialogue(["sh", "-c", "pwd; touch made"]);
    await first.run();
    const dir = path.join(host.workspaceRoot, "commands", first.spec.task);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(attemptFile(host, first.spec.attempt, "agent.log")).toBe(`${dir}\n`);
    const second = dialogue(["ls"], { task: first.spec.task, n: 2 });
    await second.run();
    expect(readlinkSync(path.join(dir, "agent.log"))).toBe(path.join(host.home.paths.attemptsDir, second.spec.attempt, "agent.log"));
    expect(readFileSync(path.join(dir, "agent.log"), "utf8")).toBe("agent.log\nmade\n");
  });

  test("a directory that is named is made, used and kept, and nothing of ours is put into it", async () => {
    const { host, dialogue } = await setUp();
    const dir = path.join(host.home.dir, "mine", "deep");
    const task = dialogue(["sh", "-c", "mkdir sub; pwd"], { workspace: { mode: "path", path: dir } });
    await task.run();
    expect(attemptFile(host, task.spec.attempt, "agent.log")).toBe(`${dir}\n`);
    expect(lstatSync(path.join(host.workspaceRoot, "commands", task.spec.task, "agent.log")).isSymbolicLink()).toBe(true);
    const inSub = dialogue(["pwd"], { workspace: { mode: "path", path: dir }, cwd: "sub" });
    await inSub.run();
    expect(attemptFile(host, inSub.spec.attempt, "agent.log")).toBe(`${dir}/sub\n`);
    expect(await dialogue(["pwd"], { workspace: { mode: "path", path: dir }, cwd: "../.." }).run()).toMatchObject({
      reason: { code: "policy_denied" },
    });
    expect(await dialogue(["pwd"], { workspace: { mode: "path", path: dir }, cwd: "nowhere" }).run()).toMatchObject({
      reason: { code: "workspace_error" },
    });
    task.ack();
    expect(await task.cleanup()).toMatchObject({ outcome: "kept", detail: expect.stringContaining(dir) });
    expect(existsSync(path.join(dir, "sub"))).toBe(true);
  });

  test("cleanup removes what was made, keeps the log if asked, and refuses while something runs there", async () => {
    const { host, dialogue } = await setUp();
    const task = dialogue(["sh", "-c", "echo x; sleep 60"]);
    await task.offer();
    await task.start();
    await expect.poll(() => attemptFile(host, task.spec.attempt, "agent.log")).toBe("x\n");
    expect(await code(task.cleanup())).toContain("workspace_busy");
    await task.cancel(100);
    await task.ended();
    task.ack();
    const dir = path.join(host.workspaceRoot, "commands", task.spec.task);
    expect(await task.cleanup(true)).toEqual({ outcome: "removed" });
    expect(existsSync(dir)).toBe(false);
    expect(attemptFile(host, task.spec.attempt, "agent.log")).toBe("x\n");
    expect(await task.cleanup()).toEqual({ outcome: "absent" });
    expect(attemptFile(host, task.spec.attempt, "agent.log")).toBeUndefined();
    expect(await task.cleanup()).toEqual({ outcome: "absent" });
  });

  test("a worktree that is kept for its work can still be removed once that work is safe", async () => {
    const { host, dialogue } = await setUp();
    const repo = path.join(host.workspaceRoot, "repo");
    execFileSync("git", ["init", "--quiet", repo]);
    execFileSync("git", ["-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", "first"]);
    const task = dialogue(["sh", "-c", "echo work > new"], { workspace: { mode: "worktree", repo } });
    await task.offer();
    await task.start();
    await task.ended();
    task.ack();
    const dir = path.join(host.workspaceRoot, "commands", task.spec.task);
    expect(await task.cleanup()).toMatchObject({ outcome: "kept", detail: expect.stringContaining("not committed") });
    expect(await task.cleanup()).toMatchObject({ outcome: "kept" });
    rmSync(path.join(dir, "new"));
    // As a crash of the machine may lose it: what is on disk from before the child began tells of the repository as well.
    rmSync(path.join(host.home.paths.attemptsDir, task.spec.attempt, "launch.json"));
    expect(await task.cleanup()).toEqual({ outcome: "removed" });
    expect(existsSync(dir)).toBe(false);
    expect(attemptFile(host, task.spec.attempt, "agent.log")).toBeUndefined();
    expect(await task.cleanup()).toEqual({ outcome: "absent" });
  });
});

function agent(more: Partial<NonNullable<AttemptSpec["agent"]>>): NonNullable<AttemptSpec["agent"]> {
  return { id: "agt_1", name: "rev", type: "shell", workspace: "/tmp", args: [], env: {}, ...more };
}
