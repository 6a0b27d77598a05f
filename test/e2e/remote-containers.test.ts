/** Work in a container of a remote host, by a real Docker engine behind a real sshd. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DockerEngine, IMAGE } from "../support/docker-engine.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { dispatchTask, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd", "docker");

describe.skipIf(missing !== undefined)(`containers${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test(
    "[DISP13] a named container there: its own files and processes, its exit code, a cancel that reaches them; stopped, it is told as such",
    { timeout: 300_000 },
    async () => {
      await using engine = await DockerEngine.start();
      engine.container("dev", "--hostname", "inside-dev");
      await using product = await Product.up({ timeScale: 0.2 });
      await using machine = await RemoteMachine.start({}, { env: engine.env });
      await machine.join(product, "box", "--container", "dev");

      const run = (script: string) => product.cli(["task", "dispatch", "--exec", "--host", "box", "--sync", "--", "sh", "-c", script]);
      const ran = await run('hostname; echo "$1" >/tmp/made; exit 9');
      expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 9 });
      expect(ran.stdout).toContain("inside-dev");
      expect(engine.docker("exec", "dev", "ls", "/tmp/made")).toBe("/tmp/made");

      const { id } = await dispatchTask(product.api, {
        command: ["sh", "-c", "trap '' INT TERM; echo begun; (trap '' INT TERM; sleep 4321) & while :; do sleep 1; done"],
        on: { host: "box" },
      });
      await taskShows(product.api, id, "running", ({ status }) => status === "running");
      await poll("both run inside", () => (engine.docker("top", "dev").includes("sleep 4321") ? true : undefined), { timeoutMs: 30_000 });
      expect((await product.cli(["task", "cancel", id])).code).toBe(0);
      expect(await taskEnds(product.api, id)).toMatchObject({ status: "cancelled" });
      expect(engine.docker("top", "dev")).not.toContain("sleep 4321");
      expect((await wholeLog(product.api, id)).text).toBe("begun\n");
      // Nothing of an attempt that is over stays in it.
      await poll(
        "nothing is left inside",
        () => (engine.docker("exec", "dev", "ls", "/.maestro-remote/attempts") === "" ? true : undefined),
        {
          timeoutMs: 60_000,
          everyMs: 500,
        },
      );

      engine.docker("stop", "-t", "0", "dev");
      const checked = await product.cli(["host", "check", "box", "--json"]);
      expect(checked.code).not.toBe(0);
      expect(checked.stdout).toContain("container_not_running");
    },
  );

  test("a secret reaches the work inside, and nothing that the engine tells of the container", { timeout: 300_000 }, async () => {
    await using engine = await DockerEngine.start();
    engine.container("dev");
    await using product = await Product.up({ timeScale: 0.2 });
    await using machine = await RemoteMachine.start({}, { env: engine.env });
    await machine.join(product, "box", "--container", "dev");
    const canary = "canary-0cc175b9c0f1b6a831c399e269772661";
    expect((await product.cli(["secret", "set", "KEY"], { stdin: canary })).code).toBe(0);
    const { id } = await dispatchTask(product.api, {
      command: ["sh", "-c", 'printf %s "$KEY" | sha256sum; sleep 3'],
      on: { host: "box" },
      secrets: ["KEY"],
    });
    await taskShows(product.api, id, "running", ({ status }) => status === "running");
    expect(engine.docker("inspect", "dev")).not.toContain(canary);
    expect(engine.docker("top", "dev", "-eo", "pid,args")).not.toContain(canary);
    expect(engine.docker("exec", "dev", "sh", "-c", `grep -rl ${canary.slice(0, 20)} /.maestro-remote /tmp || echo none`)).toBe("none");
    expect(await taskEnds(product.api, id)).toMatchObject({ status: "completed" });
    expect((await wholeLog(product.api, id)).text).toMatch(/^[0-9a-f]{64} /);
  });

  test(
    "--container: of a linked host and of a remote one, for one task; it survives its host-agent; what is not there is told",
    { timeout: 300_000 },
    async () => {
      await using engine = await DockerEngine.start();
      engine.container("dev", "--hostname", "inside-dev");
      const home = new TestHome();
      mkdirSync(join(home.path, "agents.d"));
      const boxed = { slug: "boxed", argv: ["sh", "-c", "{{prompt}}"], isolate_with: "docker", image: IMAGE, resources: { pids: 64 } };
      writeFileSync(join(home.path, "agents.d", "boxed.yaml"), JSON.stringify(boxed));
      await using product = await Product.up({ timeScale: 0.2, env: engine.env, home });
      await using machine = await RemoteMachine.start({}, { env: engine.env });
      await machine.join(product, "box");
      const machines = [
        [product.api.defaultHost ?? "", join(home.path, "..", "work")],
        ["box", join(machine.home, "work")],
      ] as const;
      for (const [host, workspace] of machines) {
        const run = (container: string, script: string) =>
          product.cli(["task", "dispatch", "--exec", "--host", host, "--container", container, "--sync", "--", "sh", "-c", script]);
        const ran = await run("dev", "hostname; exit 9");
        expect({ host, code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 9 });
        expect(ran.stdout).toContain("inside-dev");
        const absent = await run("nobody", "true");
        expect({ host, code: absent.code }).toEqual({ host, code: 6 });
        expect(absent.stderr + absent.stdout).toContain("'nobody' is not there");
        expect((await run("none", "hostname")).stdout).not.toContain("inside-dev");

        const gate = `/tmp/gate-${host}`;
        const { id } = await dispatchTask(product.api, {
          command: ["sh", "-c", `echo one; until [ -e ${gate} ]; do sleep 0.1; done; echo two`],
          on: { host },
          container: "dev",
        });
        // [SKILL31] Beside it work in a container that was made for its workspace.
        const assign = ["agent", "assign", "boxed", "--name", `boxed-${host}`, "--host", host, "--to-workspace", workspace];
        expect(await product.cli(assign)).toMatchObject({ code: 0 });
        const prompt = "hostname; pwd; echo one; until [ -e gate ]; do sleep 0.1; done; echo two; exit 7";
        const { id: isolated } = await dispatchTask(product.api, { prompt, to: [`boxed-${host}`] });
        await taskShows(product.api, id, "running", ({ status }) => status === "running");
        await taskShows(product.api, isolated, "running", ({ status }) => status === "running");
        await product.killAndReturn("host-agent");
        engine.docker("exec", "dev", "touch", gate);
        writeFileSync(join(workspace, "gate"), "");
        expect(await taskEnds(product.api, id)).toMatchObject({ status: "completed", exitCode: 0 });
        expect((await wholeLog(product.api, id)).text).toBe("one\ntwo\n");
        expect(await taskEnds(product.api, isolated)).toMatchObject({ status: "failed", exitCode: 7 });
        const { text } = await wholeLog(product.api, isolated);
        const [name = "", ...lines] = text.trimEnd().split("\n");
        expect(lines).toEqual([workspace, "one", "two"]);
        expect(engine.docker("inspect", "--format", "{{.HostConfig.PidsLimit}} {{.HostConfig.NetworkMode}}", name)).toBe(`64 ${name}`);
        expect((await product.cli(["cleanup", isolated, "--yes"])).code).toBe(0);
        expect(engine.docker("ps", "-a", "--format", "{{.Names}}")).toBe("dev");
        expect(existsSync(join(workspace, "gate"))).toBe(true);
        await machine.online(product, "box");
      }
    },
  );
});
