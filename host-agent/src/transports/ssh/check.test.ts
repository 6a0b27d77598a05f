/** Checks of remote hosts, against a real sshd whose home is the test's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHECKS, HostCheck } from "@maestro/shared/contract/remote-hosts";
import { BUILTIN_TYPES } from "../../adapters/builtin.ts";
import { systemClock } from "../../daemon/clock.ts";
import type { SshTarget } from "../ssh-target.ts";
import { checkHost, type CheckRequest } from "./check.ts";
import { judge, type Expected } from "./check-steps.ts";
import { SshAgent } from "./testing/ssh-agent.ts";
import { Sshd, sshdPath } from "./testing/sshd.ts";

describe.skipIf(sshdPath() === undefined)("a check of a remote host", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "mchk-"));
    mkdirSync(join(home, ".local/bin"), { recursive: true });
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const program = (name: string, lines: string) => writeFileSync(join(home, ".local/bin", name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  const start = (settings: Readonly<Record<string, string>> = {}) => Sshd.start({ SetEnv: `HOME=${home}`, ...settings });
  const check = async (target: SshTarget, over: Partial<CheckRequest> = {}) => {
    const checked = await checkHost(target, {
      hostKeysFile: join(home, "hosts/known_hosts"),
      env: {},
      clock: systemClock,
      signal: new AbortController().signal,
      accept: undefined,
      container: "none",
      cwd: undefined,
      forwardAgent: false,
      agents: BUILTIN_TYPES,
      ...over,
    });
    const states = Object.fromEntries(checked.steps.map(({ name, state }) => [name, state]));
    const step = (name: (typeof CHECKS)[number]) => checked.steps.find((one) => one.name === name);
    return { checked: HostCheck.parse(checked), states, step };
  };

  test("tells of every part, in order, and finds agents where no login shell looks", async () => {
    program("claude", 'echo "2.1.0 (Claude Code)"');
    program("codex", "exit 1");
    await using sshd = await start();
    const { checked, states, step } = await check(sshd.target());
    expect(checked.ok).toBe(true);
    expect(checked.steps.map(({ name }) => name)).toEqual([...CHECKS]);
    expect(states).toMatchObject({
      name: "ok",
      tcp: "ok",
      "host-key": "ok",
      authentication: "ok",
      shell: "ok",
      path: "ok",
      agents: "ok",
      clock: "ok",
    });
    expect(step("agents")?.detail).toBe("claude, codex");
    expect(checked.agents).toEqual([
      { adapter: "claude", binary: join(home, ".local/bin/claude"), version: "2.1.0" },
      { adapter: "codex", binary: join(home, ".local/bin/codex") },
    ]);
    expect(checked.hostKey?.state).toBe("known");
    expect(checked.hostname).not.toBe("");
  });

  test("stops at a key that is not known, and goes on once it is accepted", async () => {
    await using sshd = await start();
    const stranger = sshd.target({ knownHostsFiles: [] });
    const first = await check(stranger);
    expect(first.checked.ok).toBe(false);
    expect(first.checked.hostKey?.state).toBe("unknown");
    expect(first.step("host-key")).toMatchObject({ state: "failed", code: "host_key_unknown" });
    expect(first.checked.steps.slice(3).every(({ state }) => state === "skipped")).toBe(true);
    const second = await check(stranger, { accept: "new" });
    expect(second.step("host-key")?.detail).toContain("accepted now");
    expect([second.checked.ok, second.checked.hostKey?.state]).toEqual([true, "known"]);
  });

  test("each failure on the way is told at its own step", async () => {
    await using sshd = await start();
    const at = async (target: SshTarget) => (await check(target)).checked.steps.find(({ state }) => state === "failed");
    expect(await at(sshd.target({ hostName: "no-such-host.invalid" }))).toMatchObject({ name: "name", code: "name_unresolved" });
    expect(await at(sshd.target({ port: 1 }))).toMatchObject({ name: "tcp", code: "ssh_unreachable" });
    expect(await at(sshd.target({ identityFiles: [{ path: join(home, "none"), required: true }] }))).toMatchObject({
      name: "authentication",
      code: "key_file_missing",
    });
    await using locked = await start({ ForceCommand: "echo no shells here; exit 1" });
    expect(await at(locked.target())).toMatchObject({ name: "shell", code: "remote_shell_broken" });
  });

  test("a directory that is missing fails, and the rest is looked at all the same", async () => {
    await using sshd = await start();
    const { states, step } = await check(sshd.target(), { cwd: "~/none" });
    expect(step("path")).toMatchObject({ state: "failed", code: "remote_directory_missing" });
    expect(states["clock"]).toBe("ok");
    mkdirSync(join(home, "it's here"));
    expect((await check(sshd.target(), { cwd: "~/it's here" })).states["path"]).toBe("ok");
  });

  test("a container that is asked for has to run", async () => {
    program("docker", 'case "$1" in version) echo 27.1;; ps) echo abc;; inspect) [ "$4" = up ] && echo true || exit 1;; esac');
    await using sshd = await start();
    const step = async (container: string) => (await check(sshd.target(), { container })).step("container");
    expect(await step("up")).toMatchObject({ state: "ok", detail: "docker 27.1, up is running" });
    expect(await step("down")).toMatchObject({ state: "failed", code: "container_not_running" });
    expect(await step("auto")).toMatchObject({ state: "ok", detail: "docker 27.1, 1 running" });
    program("docker", 'case "$1" in version) echo 27.1;; esac');
    expect(await step("auto")).toMatchObject({ state: "warning", detail: expect.stringContaining("on the machine itself") });
  });

  test("shows nothing there that is no ssh-agent, whatever socket the record names", async () => {
    await using sshd = await start();
    const path = join(home, "engine");
    const asked: Socket[] = [];
    // Like an engine's: it answers what it does not understand, and knows nothing of agents.
    const engine = createServer((socket) => {
      asked.push(socket);
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await new Promise<void>((resolve) => engine.listen(path, resolve));
    const { step } = await check(sshd.target({ forwardAgent: true, agent: { kind: "socket", path } }), { forwardAgent: true });
    expect(step("agent-forwarding")).toMatchObject({ state: "warning", detail: expect.stringContaining("no ssh-agent") });
    for (const socket of asked) socket.destroy();
    await new Promise((resolve) => engine.close(resolve));
  });

  describe("of agent forwarding", () => {
    test("is asked for only where it is wanted and allowed, and goes without where the server refuses", async () => {
      await using sshd = await start();
      await using strict = await start({ AllowAgentForwarding: "no" });
      await using agent = await SshAgent.start();
      const shown = { forwardAgent: true, agent: { kind: "socket", path: agent.socket } } as const;
      const step = async (target: SshTarget, forwardAgent: boolean) => (await check(target, { forwardAgent })).step("agent-forwarding");
      expect(await step(sshd.target(shown), true)).toMatchObject({ state: "ok", detail: expect.stringContaining("shown there") });
      expect(await step(sshd.target(shown), false)).toMatchObject({ state: "warning", detail: expect.stringContaining("policy") });
      expect(await step(sshd.target({ ...shown, forwardAgent: false }), true)).toMatchObject({ state: "ok", detail: "Not asked for." });
      expect(await step(strict.target(shown), true)).toMatchObject({
        state: "warning",
        detail: expect.stringContaining("does not forward"),
      });
      expect(await step(sshd.target({ forwardAgent: true }), true)).toMatchObject({
        state: "warning",
        detail: expect.stringContaining("no ssh-agent"),
      });
    });
  });
});

describe("what was found is judged", () => {
  const expected: Expected = { container: "none", cwd: undefined, forwarded: "not asked", nowSeconds: 1_000_000 };
  const found = (fields: Record<string, string>) => new Map(Object.entries(fields));

  test("a disk that is full fails, one that is nearly full warns", () => {
    const state = (free: string) => judge("disk", found({ free }), expected).state;
    expect([state("50000"), state("500000"), state("50000000"), state("")]).toEqual(["failed", "warning", "ok", "warning"]);
  });

  test("a clock that is out of step warns, with its direction", () => {
    expect(judge("clock", found({ seconds: "1000020" }), expected).state).toBe("ok");
    expect(judge("clock", found({ seconds: "1000100" }), expected)).toMatchObject({
      state: "warning",
      detail: "100 s ahead of the linked host.",
    });
    expect(judge("clock", found({ seconds: "999900" }), expected)).toMatchObject({ detail: "100 s behind the linked host." });
    expect(judge("clock", found({}), expected).state).toBe("warning");
  });

  test("what a host says of itself reaches nobody's terminal as it is", () => {
    expect(judge("git", found({ version: "git \u001b[31m2" }), expected).detail).not.toContain("\u001b");
  });
});
