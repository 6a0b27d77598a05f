/** Containers for workspaces on the machine itself: what is made, refused and left of them, by a real engine. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { DockerEngine, IMAGE } from "../../../test/support/docker-engine.ts";
import { systemClock } from "../daemon/clock.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import { processShell } from "./process-shell.ts";
import type { Ran, RemoteShell } from "./remote-shell.ts";

const hasDocker = spawnSync("dockerd", ["--version"]).status === 0;
const HOST = "hst_engine";
const isolation = { image: IMAGE, sharedNetwork: true, memoryBytes: undefined, cpus: undefined, pids: 64 };
const { signal } = new AbortController();

describe.skipIf(!hasDocker)("a container for a workspace", { timeout: 60_000 }, () => {
  let engine: DockerEngine;
  let dir: string;
  let workspace: string;
  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 90_000);
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), "miso-"));
    workspace = path.join(dir, "work");
    mkdirSync(workspace);
    return () => {
      for (const name of containers()) engine.docker("rm", "-f", name);
      rmSync(dir, { recursive: true, force: true });
    };
  });

  const ours = ["--filter", `label=maestro.host=${HOST}`];
  const containers = () =>
    engine
      .docker("ps", "-a", ...ours, "--format", "{{.Names}}")
      .split("\n")
      .filter(Boolean);
  const env = (more: object = {}) => ({ PATH: process.env["PATH"], ...engine.env, ...more });
  const on = (base: string | undefined, shell: RemoteShell = processShell(() => env({ HOME: dir }), systemClock)) =>
    new IsolatedEngine({ shell, base, host: HOST });

  test("where its home cannot be made no network is left", async () => {
    writeFileSync(path.join(dir, "file"), "");
    const made = await on(path.join(dir, "file")).ensure(workspace, { ...isolation, sharedNetwork: false }, "free", "task", signal);
    expect(made).toMatchObject({ ok: false, error: { code: "container_failed", detail: expect.stringContaining("cannot be made") } });
    expect(engine.docker("network", "ls", ...ours, "--format", "{{.Name}}")).toBe("");
  });

  test("shows nothing of what is kept beside it, whatever way leads there", async () => {
    const real = path.join(dir, "real");
    mkdirSync(real);
    symlinkSync(real, path.join(dir, "home"));
    const there = on(
      undefined,
      processShell(() => env({ HOME: path.join(dir, "home") }), systemClock),
    );
    const ensure = (at: string) => {
      mkdirSync(path.join(real, at), { recursive: true });
      return there.ensure(path.join(real, at), isolation, "free", "task", signal);
    };
    const refused = { ok: false, error: { code: "path_outside_roots" } };
    expect(await ensure("")).toMatchObject(refused);
    expect(await ensure(".maestro-remote/attempts")).toMatchObject(refused);
    expect(await ensure(".maestro-remote/workspaces")).toMatchObject(refused);
    expect(await ensure(".maestro-remote/workspaces/agt_one/tsk_one")).toMatchObject({ ok: true });
  });

  test("is not taken from under work of another type, also where nothing inside can look for that, and before it has begun", async () => {
    const there = on(path.join(dir, "kept"));
    const other = { ...isolation, pids: 65 };
    expect(await there.ensure(workspace, isolation, "free", "task", signal)).toMatchObject({ ok: true });
    expect(await there.ensure(workspace, other, "used", "task", signal)).toMatchObject({ ok: false, error: { code: "workspace_busy" } });
    const name = there.nameOf(workspace);
    engine.docker("exec", name, "rm", "/bin/grep");
    engine.docker("exec", "--detach", "--env", "MAESTRO_ATTEMPT_ID=att_x", name, "sleep", "1000");
    expect(await there.ensure(workspace, other, "free", "task", signal)).toMatchObject({ ok: false, error: { code: "workspace_busy" } });
    expect(await there.ensure(workspace, isolation, "used", "task", signal)).toMatchObject({ ok: true, value: { made: false } });
  });

  test("what is labelled as ours and not named as ours is nobody's to remove", async () => {
    engine.container("somebody", "--label", `maestro.host=${HOST}`);
    mkdirSync(path.join(dir, "kept", "isolated"), { recursive: true });
    expect(await on(path.join(dir, "kept")).list(signal)).toEqual({ ok: true, value: { containers: [], homes: [], recent: [] } });
  });

  test("its home goes, whatever rights its directories have", async () => {
    const bound: RemoteShell = {
      async run(script, args) {
        // Root may do everything unless it is bound.
        const ran = spawnSync("setpriv", ["--bounding-set=-all", "/bin/sh", "-c", script, "hand", ...args], { env: env() });
        return ok({ exit: { type: "exit", code: ran.status ?? -1 }, stdout: ran.stdout, stderr: ran.stderr.toString() });
      },
      open: () => Promise.reject(new Error("nothing is opened")),
    };
    const there = on(path.join(dir, "kept"), bound);
    expect(await there.ensure(workspace, isolation, "free", "task", signal)).toMatchObject({ ok: true });
    const name = there.nameOf(workspace);
    engine.docker("exec", name, "sh", "-c", "mkdir -p ~/go/mod && echo x >~/go/mod/x && chmod 500 ~/go/mod ~/go && ln -s /etc ~/etc");
    expect(await there.remove(name, "all", signal)).toEqual({ ok: true, value: undefined });
    expect(existsSync(path.join(dir, "kept", "isolated", name))).toBe(false);
  });

  test("its workspace may be named as it likes", async () => {
    const there = on(path.join(dir, "kept"));
    for (const name of ['a "b",\nc\\d', "a\nb"]) {
      const odd = path.join(dir, name);
      mkdirSync(odd);
      expect(await there.ensure(odd, isolation, "free", "task", signal)).toMatchObject({ ok: true });
      engine.docker("exec", there.nameOf(odd), "touch", "made");
      expect(existsSync(path.join(odd, "made"))).toBe(true);
    }
  });
});

test("what a machine says of its engine is shown without what a terminal would obey", async () => {
  const says = (stdout: string): RemoteShell => ({
    run: async () => ok<Ran>({ exit: { type: "exit", code: 0 }, stdout: Buffer.from(stdout), stderr: "" }),
    open: () => Promise.reject(new Error("nothing is opened")),
  });
  const there = new IsolatedEngine({ shell: says("down \u001B]0;evil\u0007\u001B[2Jso it is"), base: undefined, host: HOST });
  const ensured = await there.ensure("/srv/work", isolation, "free", "task", signal);
  expect(ensured).toMatchObject({ ok: false, error: { code: "container_engine_down" } });
  expect(JSON.stringify(ensured)).not.toContain("\\u00");
  const lied = new IsolatedEngine({
    shell: says("container ../../x\nhome ..\nhome maestro-0123456789abcdef"),
    base: undefined,
    host: HOST,
  });
  expect(await lied.list(signal)).toEqual({ ok: true, value: { containers: [], homes: ["maestro-0123456789abcdef"], recent: [] } });
});
