/** Work in containers that are made for its workspace, by a real engine. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import { DockerEngine, IMAGE } from "../../../test/support/docker-engine.ts";
import { containerName } from "./isolated-type.ts";
import { SlowEngine } from "./testing/slow-engine.ts";
import { openHost, removeHosts, type IsolatedHost } from "./testing/isolated-host.ts";

const hasDocker = spawnSync("dockerd", ["--version"]).status === 0;

afterEach(removeHosts);

const REFUSALS: Readonly<Record<string, RegExp>> = {
  "an image that is not there": /'nowhere\/none:1' is not on that machine/,
  "a container of that name that somebody else made": /A container named 'maestro-[0-9a-f]{16}' is there, which this host did not make/,
  "an engine that does not answer": /does not answer: .*docker\.sock/,
  "an image without a shell": /could not be made: .*\/bin\/sh/,
};

describe.skipIf(!hasDocker)("a container for a workspace", { timeout: 90_000 }, () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 90_000);
  afterAll(() => engine[Symbol.asyncDispose]());

  const inspect = (name: string) => JSON.parse(engine.docker("inspect", "--type", "container", name))[0];

  const names = (...args: string[]) => engine.docker(...args, "--filter", "label=maestro.host=hst_standalone", "--format", "{{.Name}}");
  const isThere = (name: string) => engine.docker("ps", "-a", "--format", "{{.Names}}").split("\n").includes(name);

  test("[SKILL31] sees its workspace and a cache that it cannot write, has its limits and a network of its own, and no secret is told of it", async () => {
    const host = openHost(IMAGE, engine.env);
    const canary = "canary-900150983cd24fb0d6963f7d28e17f72";
    const task = host.task(
      'pwd; touch made; touch "$MAESTRO_CACHE/x" || echo "cache is read-only"; ls -d "$OUTSIDE"; printf %s "$KEY" | sha256sum; grep CapEff /proc/self/status; exit 7',
      { resource_limits: { memory: "64m", cpus: 0.5, pids: 64 }, env: { OUTSIDE: host.dir } },
      { secretNames: ["KEY"] },
    );
    expect(await task.run({ KEY: canary })).toMatchObject({ outcome: "failed", exitCode: 7 });
    expect(task.log).toContain(`${host.workspace}\n`);
    expect(task.log).toContain("cache is read-only");
    expect(task.log).toMatch(/[0-9a-f]{64} {2}-\nCapEff:\t0{16}\n$/);
    const made = statSync(path.join(host.workspace, "made"));
    expect({ uid: made.uid, gid: made.gid }).toEqual({ uid: process.getuid?.(), gid: process.getgid?.() });
    // What is outside leads to the log, and not to where it lies inside.
    const link = path.join(host.dir, "ws", "agt_boxed", task.spec.task, "agent.log");
    expect(readFileSync(link, "utf8")).toBe(task.log);

    const { HostConfig: limits, Config: config, Mounts: mounts } = inspect(host.container);
    expect(limits).toMatchObject({ Memory: 64 * 1024 ** 2, MemorySwap: 64 * 1024 ** 2, NanoCpus: 5e8, PidsLimit: 64 });
    expect(limits).toMatchObject({ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], Privileged: false, NetworkMode: host.container });
    expect(config.User).toBe(`${process.getuid?.()}:${process.getgid?.()}`);
    expect(config.Labels).toMatchObject({ "maestro.host": "hst_standalone", "maestro.workspace": host.workspace });
    expect(
      mounts.map(({ Destination, RW }: { Destination: string; RW: boolean }) => `${Destination} ${RW ? "rw" : "ro"}`).toSorted(),
    ).toEqual(["/maestro/cache ro", "/maestro/home rw", `${host.workspace} rw`]);
    expect(engine.docker("inspect", host.container)).not.toContain(canary);
    expect(spawnSync("grep", ["-r", canary, path.join(host.dir, "kept"), host.workspace]).status).toBe(1);
  });

  test("a cancel reaches every process inside, also those in sessions of their own, and leaves no zombie", async () => {
    const host = openHost(IMAGE, engine.env);
    const task = host.task("trap '' INT TERM; setsid sh -c 'trap \"\" INT TERM; sleep 4321' & echo begun; while :; do sleep 1; done");
    await task.start();
    await expect.poll(() => engine.docker("top", host.container), { timeout: 20_000 }).toContain("sleep 4321");
    await task.cancel();
    expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
    await expect.poll(() => engine.docker("top", host.container, "-eo", "pid,stat,args").split("\n").length).toBe(3);
    expect(engine.docker("top", host.container)).not.toContain("4321");
  });

  test("goes on without its host-agent, and the next one finds it; after the end nothing of it stays in its home", async () => {
    const host = openHost(IMAGE, engine.env);
    const task = host.task("echo one; until [ -e gate ]; do sleep 0.05; done; echo two");
    await task.start();
    await expect.poll(() => task.log, { timeout: 20_000 }).toBe("one\n");
    await host.again();
    writeFileSync(path.join(host.workspace, "gate"), "");
    expect(await task.ended()).toMatchObject({ outcome: "completed", exitCode: 0 });
    expect(task.log).toBe("one\ntwo\n");
    const attempts = path.join(host.dir, "kept/isolated", host.container, "home/.maestro-remote/attempts");
    await expect.poll(() => readdirSync(attempts)).toEqual([]);
  });

  test("is used again; stopped it is started, removed or asked for with other limits it is made anew, but never under work", async () => {
    const host = openHost(IMAGE, engine.env);
    const idAfter = async (type: Partial<AgentTypeFile> = {}): Promise<string> => {
      expect(await host.task("true", type).run()).toMatchObject({ outcome: "completed" });
      return inspect(host.container).Id;
    };
    const first = await idAfter();
    engine.docker("stop", host.container);
    expect(await idAfter()).toBe(first);
    engine.docker("rm", "-f", host.container);
    const second = await idAfter();
    expect(second).not.toBe(first);
    const third = await idAfter({ resource_limits: { pids: 128 } });
    expect(third).not.toBe(second);
    expect(inspect(host.container).HostConfig.PidsLimit).toBe(128);

    const works = host.task("echo begun; sleep 1000", { resource_limits: { pids: 128 } });
    await works.start();
    await expect.poll(() => works.log, { timeout: 20_000 }).toBe("begun\n");
    expect(await host.task("true").run()).toMatchObject({
      outcome: "failed",
      reason: { code: "offer_refused", detail: expect.stringContaining("runs work whose type asks for another one") },
    });
    await works.cancel();
    await works.ended();
    expect(inspect(host.container).Id).toBe(third);
    expect(await idAfter({ shared_network: true })).not.toBe(third);
    expect(names("network", "ls")).not.toContain(host.container);
  });

  test("of two types that ask at once one has it, and the other is refused before anything of it has begun", async () => {
    const host = openHost(IMAGE, engine.env);
    const script = "echo begun; until [ -e gate ]; do sleep 0.05; done";
    const tasks = [64, 65].map((pids) => ({ pids, task: host.task(script, { resource_limits: { pids } }) }));
    const both = tasks.map(({ task }) => task);
    await Promise.all(both.map((task) => task.start()));
    await expect.poll(() => both.some(({ end }) => end !== undefined), { timeout: 20_000 }).toBe(true);
    await expect.poll(() => both.some(({ log }) => log === "begun\n"), { timeout: 20_000 }).toBe(true);
    const limit: number = inspect(host.container).HostConfig.PidsLimit;
    writeFileSync(path.join(host.workspace, "gate"), "");
    for (const { pids, task } of tasks)
      expect(await task.ended()).toMatchObject(
        pids === limit
          ? { outcome: "completed" }
          : { outcome: "failed", reason: { detail: expect.stringContaining("asks for another one") } },
      );
  });

  test("a cancel is heard while its engine takes its time; what that makes all the same goes as what nobody uses does", async () => {
    await using slow = await SlowEngine.before(path.join(engine.directory, "sock"));
    const host = openHost(IMAGE, { DOCKER_HOST: `unix://${slow.socket}` }, { timeScale: 0.002 });
    const task = host.task("touch begun", {}, { workspace: { mode: "default" } });
    const name = containerName("hst_standalone", path.join(host.dir, "ws", "agt_boxed", task.spec.task));
    const starting = task.start();
    await slow.asked;
    await task.cancel();
    expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
    expect(isThere(name)).toBe(false);
    await starting;
    slow.goOn();
    await expect.poll(() => isThere(name), { timeout: 20_000, interval: 20 }).toBe(true);
    await expect.poll(() => readdirSync(path.join(host.dir, "kept/isolated")), { timeout: 20_000 }).toEqual([]);
    expect(isThere(name)).toBe(false);
    expect(names("network", "ls")).not.toContain(name);
    expect(existsSync(path.join(host.dir, "ws", "agt_boxed", task.spec.task, "begun"))).toBe(false);
  });

  test("a container that stops under its work ends that, and the next one starts it", async () => {
    const host = openHost(IMAGE, engine.env);
    const task = host.task("echo begun; sleep 1000");
    await task.start();
    await expect.poll(() => task.log, { timeout: 20_000 }).toBe("begun\n");
    engine.docker("kill", host.container);
    expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "runner_died" } });
    expect(await host.task("true").run()).toMatchObject({ outcome: "completed" });
  });

  test("what takes more memory than its type allows is told as killed for it, and the next one is not", async () => {
    const host = openHost(IMAGE, engine.env);
    const limits = { resource_limits: { memory: "32m" } };
    const greedy = host.task("echo begun; x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo ${#x}", limits);
    const end = await greedy.run();
    expect(end, greedy.log).toMatchObject({ outcome: "failed", reason: { code: "oom_killed" } });
    expect(await host.task("exit 3", limits).run()).toMatchObject({ outcome: "failed", exitCode: 3, reason: { code: "exit_nonzero" } });
  });

  test("goes with its workspace: `cleanup` removes the container, its network and its home", async () => {
    const host = openHost(IMAGE, engine.env);
    const task = host.task("true", {}, { workspace: { mode: "default" } });
    expect(await task.run()).toMatchObject({ outcome: "completed" });
    const workspace = path.join(host.dir, "ws", "agt_boxed", task.spec.task);
    const name = containerName("hst_standalone", workspace);
    expect(isThere(name)).toBe(true);
    expect(names("network", "ls")).toContain(name);
    expect(await task.cleanup()).toEqual({ outcome: "removed" });
    expect(isThere(name)).toBe(false);
    expect(names("network", "ls")).not.toContain(name);
    expect(readdirSync(path.join(host.dir, "kept/isolated"))).toEqual([]);
    expect(existsSync(workspace)).toBe(false);
  });

  test("what could not be cleaned up while its engine was away goes with the next one of its container", async () => {
    const way = path.join(engine.directory, "way");
    const host = openHost(IMAGE, { DOCKER_HOST: `unix://${way}` });
    symlinkSync(path.join(engine.directory, "sock"), way);
    const works = host.task("echo begun; sleep 1000");
    await works.start();
    await expect.poll(() => works.log, { timeout: 20_000 }).toBe("begun\n");
    const done = host.task("exit 0");
    expect(await done.run()).toMatchObject({ outcome: "completed" });
    await works.cancel();
    await works.ended();
    unlinkSync(way);
    // Nothing that has ended is swept any more.
    const attempts = path.join(host.dir, "attempts");
    rmSync(path.join(attempts, done.spec.attempt, "swept"), { force: true });
    await host.again();
    expect(await done.cleanup()).toMatchObject({ outcome: "kept" });
    symlinkSync(path.join(engine.directory, "sock"), way);
    expect(await works.cleanup()).toMatchObject({ outcome: "kept", detail: expect.stringContaining("given with the task") });
    expect(readdirSync(attempts)).toEqual([]);
    unlinkSync(way);
  });

  test("what an earlier host-agent left is removed when nobody uses it, with its home when no attempt is kept of it; what works stays", async () => {
    const host = openHost(IMAGE, engine.env);
    const works = host.task("echo begun; sleep 1000");
    await works.start();
    await expect.poll(() => works.log, { timeout: 20_000 }).toBe("begun\n");
    const done = host.task("true", {}, { workspace: { mode: "default" } });
    await done.run();
    const idle = containerName("hst_standalone", path.join(host.dir, "ws", "agt_boxed", done.spec.task));
    const home = (name: string) => existsSync(path.join(host.dir, "kept/isolated", name));
    const [leftover, unknown, foreign] = ["maestro-0123456789abcdef", "maestro-1111111111111111", "maestro-fedcba9876543210"];
    for (const name of [leftover, unknown]) engine.container(name, "--label", "maestro.host=hst_standalone");
    // Of a host whose attempts another one keeps.
    engine.docker("exec", "--detach", "--env", "MAESTRO_ATTEMPT_ID=att_x", unknown, "sleep", "1000");
    engine.container(foreign, "--label", "maestro.host=hst_other");
    await host.again({ timeScale: 0.002 });
    await expect.poll(() => isThere(idle) || isThere(leftover), { timeout: 30_000 }).toBe(false);
    expect({
      idle: home(idle),
      works: isThere(host.container),
      unknown: isThere(unknown),
      foreign: isThere(foreign),
    }).toEqual({ idle: true, works: true, unknown: true, foreign: true });
    engine.docker("rm", "-f", foreign, unknown);
    await works.cancel();
    await works.ended();
  });

  test.each<[string, string, (host: IsolatedHost) => Promise<unknown>]>([
    ["an image that is not there", "docker pull nowhere/none:1", (host) => host.task("true", { image: "nowhere/none:1" }).run()],
    [
      "a container of that name that somebody else made",
      "docker inspect maestro-",
      async (host) => {
        engine.container(host.container);
        const end = await host.task("true").run();
        expect(isThere(host.container)).toBe(true);
        engine.docker("rm", "-f", host.container);
        return end;
      },
    ],
    [
      "an engine that does not answer",
      "docker info",
      async (host) => {
        await host.again();
        return host.task("true").run();
      },
    ],
    ["an image without a shell", "", (host) => host.task("true", { image: emptyImage() }).run()],
  ])("%s is told, with what to do", async (what, hint, run) => {
    const host = openHost(IMAGE, what.startsWith("an engine") ? { DOCKER_HOST: "unix:///nonexistent/docker.sock" } : engine.env);
    const end = await run(host);
    expect(end).toMatchObject({ outcome: "failed", reason: { detail: expect.stringMatching(REFUSALS[what] ?? /^$/) } });
    if (hint !== "") expect(end).toMatchObject({ reason: { hint: expect.stringContaining(hint) } });
    expect(isThere(host.container)).toBe(false);
  });

  function emptyImage(): string {
    const dir = mkdtempSync(path.join(tmpdir(), "mimg-"));
    writeFileSync(path.join(dir, "file"), "");
    spawnSync("tar", ["-C", dir, "-cf", `${dir}.tar`, "."]);
    engine.docker("import", `${dir}.tar`, "maestro-test:empty");
    rmSync(dir, { recursive: true, force: true });
    rmSync(`${dir}.tar`);
    return "maestro-test:empty";
  }
});
