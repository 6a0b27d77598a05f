/** Sessions in containers that are made for their workspace, by a real engine and a real holder. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import { maestroError } from "@maestro/shared/errors";
import { DockerEngine, IMAGE } from "../../../test/support/docker-engine.ts";
import { specOf } from "../tasks/testing/task-host.ts";
import { ContainedRig } from "./testing/contained-rig.ts";
import { RigSession } from "./testing/terminal-rig.ts";

const hasDocker = spawnSync("dockerd", ["--version"]).status === 0;

describe.skipIf(!hasDocker)("a session of a type that asks for a container", { timeout: 60_000 }, () => {
  let engine: DockerEngine;
  let rig: ContainedRig;
  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 90_000);
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    rig = await ContainedRig.open(engine.env, IMAGE);
  });
  afterEach(async () => {
    const { container } = rig;
    await rig[Symbol.asyncDispose]();
    if (isThere(container)) engine.docker("rm", "-f", container);
  });

  const isThere = (name: string) => engine.docker("ps", "-a", "--format", "{{.Names}}").split("\n").includes(name);
  const inside = () => engine.docker("top", rig.container);

  /** A task of the same agent, through offer and start. */
  async function task(script: string, type: Partial<AgentTypeFile> = {}) {
    const agent = {
      id: "agt_boxed",
      name: "boxed",
      type: "boxed",
      workspace: rig.workspace,
      args: [],
      env: {},
      definition: rig.boxed(type),
    };
    const { command: _none, ...spec } = specOf([], { prompt: script, agent, workspace: { mode: "path", path: rig.workspace } });
    const { attempt, fence } = spec;
    const { tasks } = rig.host;
    await tasks.offer({ t: "task.offer", id: 1, attempt, fence, spec }, undefined);
    await tasks.start({ t: "task.start", id: 2, attempt, fence, sealed: "" });
    const status = () => tasks.reports().flatMap((frame) => (frame.t === "attempts" ? frame.items : []))[0]?.status;
    await expect.poll(() => status()?.state, { timeout: 20_000 }).toBe("ended");
    const { state, ...rest } = status() ?? { state: "none" };
    tasks.ack({ t: "task.ack", attempt, fence });
    return { ...rest, state, cleanup: () => tasks.cleanup({ t: "task.cleanup", id: 4, attempt, task: spec.task, keepLogs: false }) };
  }

  test("runs in that: its directory, its agent's environment and program, its size, its exit code; nothing of it stays", async () => {
    const script =
      'echo "$MAESTRO_AGENT ($A) on $(hostname)"; echo "$PWD $HOME"; id -u; touch made; read -r line; until [ "$(stty size)" = "31 101" ]; do sleep 0.1; done; echo "$0 got $line"; exit 7';
    const session = await rig.start(script, {}, { env: { A: 'it\'s "set" $HOME' } });
    expect(session.info).toMatchObject({
      name: "boxed",
      agent: "agt_boxed",
      cwd: rig.workspace,
      command: expect.stringMatching(/^sh -c echo/),
    });
    const text = await session.shows(`\n${process.getuid?.()}`);
    expect(text).toContain(`boxed (it's "set" $HOME) on ${rig.container}`);
    expect(text.replaceAll("\n", "")).toContain(`${rig.workspace} /maestro/home`);
    expect(statSync(path.join(rig.workspace, "made")).uid).toBe(process.getuid?.());
    expect(inside()).toContain("touch made");
    await session.resize(101, 31);
    session.type("this\r");
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 7 });
    await session.shows("sh got this");
    await expect.poll(() => rig.files.sessions(), { timeout: 10_000 }).toEqual([]);
    expect(engine.docker("exec", rig.container, "ls", "/maestro/home/.maestro-remote/terminals")).toBe("");
  });

  test("a kill while it is being opened finds none, and takes nothing of it away: the next one ends all of it", async () => {
    const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const run = rig.shell.run.bind(rig.shell);
    vi.spyOn(rig.shell, "run").mockImplementationOnce(async (...all) => {
      reached.resolve();
      await goOn.promise;
      return run(...all);
    });
    const starting = rig.start("trap '' HUP TERM; echo on; exec sleep 4322");
    await reached.promise;
    const noted = rig.files.sessions();
    const client = rig.keeper.client();
    const [id = ""] = noted;
    expect(client.ok && (await client.value.kill(id, false))).toMatchObject({ ok: false, error: { code: "session_not_found" } });
    expect(await rig.sessions.end(id, false)).toMatchObject({ ok: true });
    goOn.resolve();
    const session = await starting;
    await session.shows("on");
    expect(rig.files.sessions()).toEqual([session.info.id]);
    expect(noted).toEqual([session.info.id]);
    await rig.kill(session);
    expect(inside()).not.toContain("sleep 4322");
    expect(rig.files.sessions()).toEqual([]);
  });

  test("what was not ready while it was awaited does not begin; its container does for the next start", async () => {
    rig.late = () => maestroError("timeout", "It was not ready.");
    expect(await rig.tryStart("sleep 4323")).toMatchObject({ ok: false, error: { code: "timeout" } });
    expect([rig.files.sessions(), rig.keeper.sessions, isThere(rig.container)]).toEqual([[], [], true]);
    rig.late = () => undefined;
    await (await rig.start("echo on; exec sleep 1000")).shows("on");
  });

  test("of two types that are started at once one has it, and the other is refused", async () => {
    const starts = [64, 65].map((pids) =>
      rig.tryStart("echo up; exec sleep 1000", { resource_limits: { pids } }, { id: `agt_${pids}`, name: `with ${pids}` }),
    );
    const made = await Promise.all(starts);
    const failed = made.flatMap((one) => (one.ok ? [] : [one.error.code]));
    expect(failed).toEqual(["workspace_busy"]);
    const session = made.find(({ ok }) => ok);
    if (session?.ok !== true) throw new Error("none was made");
    const { PidsLimit: limit } = JSON.parse(engine.docker("inspect", rig.container))[0].HostConfig;
    expect(session.value.name).toBe(`with ${limit}`);
    await new RigSession(rig, session.value).shows("up");
  });

  test("every key gets there at once, those too by which docker would be left", async () => {
    const session = await rig.start("stty raw -echo; echo ready; while :; do head -c 1 | od -An -tx1; done");
    await session.shows("ready");
    for (const [key, seen] of [
      ["\u0010", " 10"],
      ["\u0011", " 11"],
    ] as const) {
      session.type(key);
      await session.shows(seen, 5_000);
    }
  });

  test("a kill ends all that it began, also what is deaf, in a session of its own and without a terminal", async () => {
    const deaf = "trap '' HUP INT TERM";
    const session = await rig.start(
      `${deaf}; setsid sh -c "${deaf}; sleep 4321; sleep 4321" </dev/null >/dev/null 2>&1 & sleep 0.2; echo up; while :; do sleep 1; done`,
    );
    await session.shows("up");
    expect(inside()).toContain("sleep 4321");
    const other = await rig.start("echo up; exec sleep 5432", {}, { id: "agt_other", name: "other" });
    await other.shows("up");
    await rig.kill(session);
    expect(await session.ended()).toMatchObject({ reason: "killed" });
    expect(inside()).not.toContain("4321");
    expect(inside()).toContain("sleep 5432");
    // What ends by itself leaves as little.
    const left = await rig.start("setsid sleep 6543 & echo up; read -r line");
    await left.shows("up");
    await expect.poll(inside).toContain("sleep 6543");
    left.type("\r");
    await left.ended();
    await expect.poll(inside, { timeout: 10_000 }).not.toContain("sleep 6543");
    await other.shows("up");
  });

  test("shares it with tasks, outlives its host-agent and the time that nobody uses it; another type is refused, and so is a cleanup", async () => {
    const session = await rig.start("echo up; read -r line; exit 3");
    await session.shows("up");
    const { Id: id } = JSON.parse(engine.docker("inspect", rig.container))[0];
    const done = await task('hostname; touch "$HOME/kept"');
    expect(done).toMatchObject({ end: { outcome: "completed" } });
    expect(JSON.parse(engine.docker("inspect", rig.container))[0].Id).toBe(id);
    expect(await task("true", { resource_limits: { pids: 99 } })).toMatchObject({
      end: { outcome: "failed", reason: { detail: expect.stringContaining("asks for another one") } },
    });
    expect(await done.cleanup()).toMatchObject({
      ok: false,
      error: { code: "workspace_busy", hint: expect.stringContaining("session kill") },
    });
    const idle = "maestro-0123456789abcdef";
    engine.container(idle, "--label", "maestro.host=hst_standalone");
    await rig.again(0.001);
    const [restored] = rig.keeper.sessions;
    expect(restored).toMatchObject({ id: session.info.id });
    await expect.poll(() => isThere(idle), { timeout: 20_000 }).toBe(false);
    expect(isThere(rig.container)).toBe(true);
    session.type("\r");
    await expect.poll(() => rig.keeper.session(session.info.id)?.end, { timeout: 10_000 }).toMatchObject({ reason: "exited", code: 3 });
    await expect.poll(() => isThere(rig.container), { timeout: 20_000 }).toBe(false);
    // What was logged in there is still so the next day.
    expect(existsSync(path.join(rig.dir, "kept/isolated", rig.container, "home/kept"))).toBe(true);
    expect(await done.cleanup()).toMatchObject({ ok: true });
  });

  test("a container that stops ends it, which is said; the next one starts it again", async () => {
    const session = await rig.start("echo up; exec sleep 1000");
    await session.shows("up");
    engine.docker("kill", rig.container);
    expect(await session.ended()).toMatchObject({ reason: "exited", signal: "SIGKILL" });
    await session.shows(/The container 'maestro-[0-9a-f]+' is stopped or gone/);
    await expect.poll(() => rig.files.sessions(), { timeout: 10_000 }).toEqual([]);
    const next = await rig.start("echo up; exec sleep 1000");
    await next.shows("up");
  });

  test.each<[string, string, Partial<AgentTypeFile>, object]>([
    ["an image that is not there", "container_image_missing", { image: "nowhere/none:1" }, {}],
    ["a program that is not in it", "spawn_failed", { argv: ["no-such-program"] }, {}],
    ["an agent's CLI that is not in it", "agent_cli_missing", { adapter: "claude", argv: undefined }, { type: "claude" }],
    [
      "a program set for an agent that is not in it",
      "agent_cli_missing",
      { adapter: "claude", argv: undefined },
      { program: "claude-next" },
    ],
  ])("%s is told before anything is shown, and leaves nothing", async (_what, code, type, more) => {
    expect(await rig.tryStart("true", type, more)).toMatchObject({ ok: false, error: { code } });
    expect(rig.keeper.sessions).toEqual([]);
    expect(rig.files.sessions()).toEqual([]);
  });

  test("what an earlier host-agent could not end is ended by the next one", async () => {
    // The holder's own tmux would keep it for the next one.
    rig.backend = "pty";
    const session = await rig.start("trap '' HUP; echo up; while :; do sleep 7654; done");
    await session.shows("up");
    await rig.holder.kill("SIGKILL");
    await rig.holder.start();
    await rig.again();
    await expect.poll(inside, { timeout: 20_000 }).not.toContain("sleep 7654");
    await expect.poll(() => rig.files.sessions()).toEqual([]);
  });
});
