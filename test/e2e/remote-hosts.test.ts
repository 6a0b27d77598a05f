/** Hosts where nothing of Maestro is installed, through the product as shipped: a real sshd, real runners, a line that breaks. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CleanupResult, Task } from "@maestro/shared/contract/tasks";
import { SshAgent } from "../../host-agent/src/transports/ssh/testing/ssh-agent.ts";
import { agentCli } from "../support/agent-cli.ts";
import { prepareClaudeHome, prepareCodexHome, prepareOpencodeHome } from "../support/agent-homes.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { answerWord, promptToWrite, promptWith } from "../support/model-stub/answer.ts";
import { startModelStub } from "../support/model-stub/server.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { isFullRun, lacking } from "../support/system.ts";
import { cancelSoon, dispatchTask, sha256, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd");

describe.skipIf(missing !== undefined)(`remote hosts${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test("added, checked, and a command runs there: its output, its exit code, nothing left behind", { timeout: 180_000 }, async () => {
    const home = new TestHome();
    writeFileSync(join(home.path, "policy.yaml"), "forward_agent: [127.0.0.1]\n", { mode: 0o600 });
    await using agent = await SshAgent.start();
    await using product = await Product.up({ home, env: { SSH_AUTH_SOCK: agent.socket } });
    await using machine = await RemoteMachine.start();
    const unknown = await product.cli(["host", "add", "gpu-server", "127.0.0.1", ...machine.flags]);
    expect({ code: unknown.code, stderr: unknown.stderr }).toMatchObject({ code: 11 });
    expect(unknown.stderr).toContain("host_key_unknown");
    expect(unknown.stderr).toMatch(/SHA256:[A-Za-z0-9+/]{43}/);
    const checked = await product.cli(["host", "check", "gpu-server", "--accept-host-key", "new"]);
    expect({ code: checked.code, out: checked.stdout + checked.stderr }).toMatchObject({ code: 0 });
    await machine.online(product, "gpu-server");

    const ran = await product.cli([
      "task",
      "dispatch",
      "--exec",
      "--host",
      "gpu-server",
      "--sync",
      "--",
      "sh",
      "-c",
      'echo "at $HOME"; exit 7',
    ]);
    expect(ran.code).toBe(7);
    expect(ran.stdout).toContain(`at ${machine.home}`);
    await poll("nothing is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 30_000 });
    // A name that no shell may take for more than it is.
    const quoted = await product.cli([
      "task",
      "dispatch",
      "--exec",
      "--host",
      "gpu-server",
      "--sync",
      "--",
      "printf",
      "%s|",
      "a b",
      "$(id)",
      "';\"`",
      "ü",
    ]);
    expect(quoted.stdout).toContain("a b|$(id)|';\"`|ü|");

    // [DISP15] The ssh-agent of its carrier, where that is asked for, and there only.
    const keys = (...flags: string[]) =>
      product.cli(["task", "dispatch", "--exec", ...flags, "--sync", "--", "sh", "-c", 'SSH_AUTH_SOCK="${SSH_AUTH_SOCK-}" ssh-add -L']);
    expect((await keys("--host", "gpu-server")).code).toBe(2);
    const shown = await keys("--host", "gpu-server", "--forward-agent");
    expect({ code: shown.code, out: shown.stdout + shown.stderr }).toMatchObject({ code: 0, out: expect.stringContaining(agent.key) });
    expect((await product.cli(["task", "status", "--last"])).stdout).toContain('"forwardAgent":true');
    const here = await keys("--host", product.api.defaultHost ?? "", "--forward-agent");
    expect(here.stdout + here.stderr).toContain("A linked host runs it itself");
  });

  test(
    "[DISP9] [DISP19] a repository is cloned there, on a branch of the task's own; what is cleaned up is gone there",
    { timeout: 180_000 },
    async () => {
      await using product = await Product.up();
      await using machine = await RemoteMachine.start();
      await machine.join(product, "far");
      const repo = join(machine.home, "app.git");
      const git = (...args: string[]) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args]);
      git("init", "-q", repo);
      writeFileSync(join(repo, "file"), "one\n");
      git("-C", repo, "add", ".");
      git("-C", repo, "commit", "-qm", "one");
      const flags = ["--exec", "--host", "far", "--repo", repo, "--sync", "--json"];
      const ran = await product.cli(["task", "dispatch", ...flags, "--", "sh", "-c", "cat file; git branch --show-current"]);
      expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 });
      const { id } = Task.loose().parse(JSON.parse(ran.stdout));
      const { text, task } = await wholeLog(product.api, id);
      expect(text).toContain(`one\nmaestro/${id}\n`);
      expect(task.attempts[0]?.branch).toBe(`maestro/${id}`);
      const none = await product.cli([
        "task",
        "dispatch",
        "--exec",
        "--host",
        "far",
        "--repo",
        join(machine.home, "none"),
        "--sync",
        "--",
        "true",
      ]);
      expect(none.code).toBe(125);
      expect(none.stdout + none.stderr).toContain("cannot be cloned");

      const cleaned = async (task: string, ...more: string[]) => {
        const { code, stdout, stderr } = await product.cli(["cleanup", task, "--yes", "--json", ...more]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        return CleanupResult.parse(JSON.parse(stdout)).items;
      };
      const workspace = join(machine.home, ".maestro-remote", "workspaces", "commands", id);
      expect(existsSync(join(workspace, "repo", "file"))).toBe(true);
      expect(await cleaned(id)).toMatchObject([{ host: "far", workspace, outcome: "removed", logKept: false }]);
      expect(existsSync(workspace)).toBe(false);
      expect(await cleaned(id)).toMatchObject([{ outcome: "absent" }]);
      expect((await wholeLog(product.api, id)).text).toBe(text);

      // What somebody named is kept.
      const named = join(machine.home, "named");
      const kept = await dispatchTask(product.api, { command: ["true"], on: { host: "far" }, workspace: { mode: "path", path: named } });
      await taskEnds(product.api, kept.id);
      expect(await cleaned(kept.id, "--keep-logs")).toMatchObject([{ workspace: named, outcome: "kept", logKept: true }]);
      expect(existsSync(named)).toBe(true);

      // A checkout here whose origin is a directory here: a task here may clone it, one there may not.
      const checkout = product.home.directory("checkout");
      git("clone", "-q", repo, checkout);
      const from = ["task", "dispatch", "--exec", "--repo", ".", "--sync", "--json"];
      const here = await product.cli([...from, "--host", product.api.defaultHost ?? "", "--", "cat", "file"], { cwd: checkout });
      expect({ code: here.code, stderr: here.stderr }).toEqual({ code: 0, stderr: "" });
      const there = await product.cli([...from, "--host", "far", "--", "cat", "file"], { cwd: checkout });
      expect(there.stderr).toContain("is on this machine, and the task may run on another one");
    },
  );

  test(
    "[F32] the line is cut again and again, the host-agent is killed: the task goes on, once, and its log is whole",
    { timeout: 240_000 },
    async () => {
      await using product = await Product.up({ timeScale: 0.2 });
      await using machine = await RemoteMachine.start();
      await machine.join(product, "far");
      const nonces = join(machine.home, "nonces");
      const gate = join(machine.home, "gate");
      const script = `echo $$ >>'${nonces}'; i=0; while [ $i -lt 3000 ]; do echo "line $i of many"; i=$((i+1)); done; until [ -e '${gate}' ]; do sleep 0.1; done; echo last; exit 255`;
      const { id } = await dispatchTask(product.api, { command: ["sh", "-c", script], on: { host: "far" } });
      await taskShows(product.api, id, "running", ({ status }) => status === "running");
      machine.line.cutAll();
      const follower = product.start(["logs", id, "--follow"]);
      await poll("some of its log", () => (follower.stdout.includes("line 1 of") ? true : undefined), { timeoutMs: 60_000 });
      machine.line.cutAll();
      await product.killAndReturn("host-agent");
      machine.line.cutAll();
      writeFileSync(gate, "");
      const ended = await taskEnds(product.api, id, 120_000);
      // 255 is its own, and no broken line.
      expect(ended).toMatchObject({ status: "failed", exitCode: 255 });
      expect((await follower.end("logs --follow", 60_000)).stdout).toContain("line 2999 of many\nlast\n");
      const { text } = await wholeLog(product.api, id);
      expect(text).toBe(`${Array.from({ length: 3000 }, (_, i) => `line ${i} of many\n`).join("")}last\n`);
      expect(readFileSync(nonces, "utf8").trim().split("\n")).toHaveLength(1);
      await poll("nothing is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 60_000 });
    },
  );

  test("[TK4] a cancel reaches every process there, also one that is deaf", { timeout: 240_000 }, async () => {
    await using product = await Product.up({ timeScale: 0.2 });
    await using machine = await RemoteMachine.start();
    await machine.join(product, "far");
    const pids = join(machine.home, "pids");
    const script = `trap '' INT TERM; echo $$ >>'${pids}'; (trap '' INT TERM; sh -c 'echo $$ >>"$0"; exec sleep 1000' '${pids}') & while :; do sleep 1; done`;
    const { id } = await dispatchTask(product.api, { command: ["sh", "-c", script], on: { host: "far" } });
    await poll("both run", () => (existsSync(pids) && readFileSync(pids, "utf8").trim().split("\n").length === 2 ? true : undefined), {
      timeoutMs: 60_000,
    });
    await cancelSoon(product.api, id, "enough");
    expect(await taskEnds(product.api, id)).toMatchObject({ status: "cancelled" });
    for (const pid of readFileSync(pids, "utf8").trim().split("\n")) expect(isRunning(Number(pid))).toBe(false);
  });

  test("a real agent CLI works there, with a key that reaches it and no disk", { timeout: 900_000 }, async () => {
    const cli = await agentCli("claude");
    await using stub = await startModelStub();
    const home = new TestHome();
    mkdirSync(join(home.path, "agents.d"), { recursive: true });
    writeFileSync(
      join(home.path, "agents.d", "reviewer.yaml"),
      JSON.stringify({ slug: "reviewer", adapter: "claude", permissions: "edit" }),
    );
    await using product = await Product.up({ home });
    // The stub takes a path up to the next blank.
    await using machine = await RemoteMachine.start({}, { home: "remote-home-" });
    mkdirSync(join(machine.home, ".local", "bin"), { recursive: true });
    // Where its installer puts it: no login shell of this sshd has that on its PATH.
    symlinkSync(join(cli.binDirectory, "claude"), join(machine.home, ".local", "bin", "claude"));
    const workspace = join(machine.home, "work");
    const { ANTHROPIC_API_KEY: key = "", ...env } = prepareClaudeHome(machine.home, stub.url, [workspace]);
    await machine.join(product, "gpu-server", ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]));
    const assigned = await product.cli(["agent", "assign", "reviewer", "--to-workspace", workspace, "--host", "gpu-server"]);
    expect({ code: assigned.code, stderr: assigned.stderr }).toMatchObject({ code: 0 });
    const nonce = `n${Date.now().toString(36)}`;
    const file = join(workspace, "nonce.txt");
    const wrote = await product
      .start(
        [
          "task",
          "dispatch",
          promptToWrite(nonce, file),
          "--to",
          "reviewer",
          "--sync",
          "--timeout",
          "300",
          "--env",
          "ANTHROPIC_API_KEY",
          "--json",
        ],
        {
          stdin: "",
          env: { ANTHROPIC_API_KEY: key },
        },
      )
      .end("task dispatch", 310_000);
    expect({ code: wrote.code, stderr: wrote.stderr }).toMatchObject({ code: 0 });
    expect(readFileSync(file, "utf8").trim()).toBe(nonce);
    const { id } = Task.loose().parse(JSON.parse(wrote.stdout));
    const { text, task } = await wholeLog(product.api, id);
    expect(task).toMatchObject({ status: "completed", exitCode: 0 });
    expect(task.result).toContain(answerWord(nonce));
    expect(sha256(text)).toBe(task.attempts[0]?.log?.sha256);
    await poll("nothing is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 30_000 });
    expect(() => execFileSync("grep", ["-r", "-l", key, join(machine.home, ".maestro-remote"), workspace])).toThrow();
  });

  // In the full run: they are large, and their plan is that of the one above.
  test.skipIf(!isFullRun)("[SSH1] other agents' CLIs work there as well, as tasks and in a terminal", { timeout: 900_000 }, async () => {
    await using stub = await startModelStub();
    const home = new TestHome();
    mkdirSync(join(home.path, "agents.d"), { recursive: true });
    for (const { name, permissions } of OTHERS)
      writeFileSync(join(home.path, "agents.d", `${name}.yaml`), JSON.stringify({ slug: `${name}-there`, adapter: name, permissions }));
    await using product = await Product.up({ home });
    await using machine = await RemoteMachine.start({}, { home: "remote-home-" });
    const bin = join(machine.home, ".local", "bin");
    mkdirSync(bin, { recursive: true });
    for (const { name } of OTHERS) symlinkSync(join((await agentCli(name)).binDirectory, name), join(bin, name));
    await machine.join(product, "far");
    for (const { name, prepare, ready } of OTHERS) {
      const workspace = join(machine.home, "work", name);
      const env = prepare(join(machine.home, name), stub.url, [workspace]);
      const agent = await product.api.createAgent({ name, type: `${name}-there`, host: "far", workspace, env });
      const nonce = `n${Date.now().toString(36)}`;
      const file = join(workspace, "nonce.txt");
      const { id } = await dispatchTask(product.api, { prompt: promptToWrite(nonce, file), to: [name] });
      expect(await taskEnds(product.api, id, 310_000)).toMatchObject({
        status: "completed",
        result: expect.stringContaining(answerWord(nonce)),
      });
      expect(readFileSync(file, "utf8").trim()).toBe(nonce);

      const session = await product.api.startAgent(agent.id);
      await product.api.screenShows(session.id, ready, 120_000);
      const again = `t${Date.now().toString(36)}`;
      await product.api.type(session.id, promptWith(again));
      await product.api.screenShows(session.id, again, 60_000);
      await product.api.type(session.id, "\r");
      await product.api.screenShows(session.id, answerWord(again), 120_000);
      await product.api.killSession(session.id);
    }
  });
});

const OTHERS = [
  { name: "opencode" as const, prepare: prepareOpencodeHome, permissions: "edit", ready: /Ask anything|ctrl\+p|enter send/i },
  { name: "codex" as const, prepare: prepareCodexHome, permissions: "full", ready: /›|send/ },
];

function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
