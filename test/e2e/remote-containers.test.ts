/** Work in a container of a remote host, by a real Docker engine behind a real sshd. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine, IMAGE } from "../support/docker-engine.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { cancelSoon, dispatchTask, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd", "docker");

describe.skipIf(missing !== undefined)(`containers${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let engine: DockerEngine;
  let product: Product;
  let machine: RemoteMachine;
  beforeAll(async () => {
    engine = await DockerEngine.start();
    const home = new TestHome();
    mkdirSync(join(home.path, "agents.d"));
    const boxed = { isolate_with: "docker", image: IMAGE, resources: { pids: 64 } };
    const types = [
      { slug: "boxed", argv: ["sh", "-c", "{{prompt}}"], ...boxed },
      { slug: "boxed-shell", argv: ["sh"], ...boxed },
    ];
    for (const type of types) writeFileSync(join(home.path, "agents.d", `${type.slug}.yaml`), JSON.stringify(type));
    product = await Product.up({ timeScale: 0.2, env: engine.env, home });
    machine = await RemoteMachine.start({}, { env: engine.env });
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await product?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  test(
    "[DISP13] a named container there: its own files and processes, its exit code, a cancel that reaches them; stopped, it is told as such",
    { timeout: 300_000 },
    async () => {
      engine.container("named", "--hostname", "inside-named");
      await machine.join(product, "within", "--container", "named");

      const run = (script: string) => product.cli(["task", "dispatch", "--exec", "--host", "within", "--sync", "--", "sh", "-c", script]);
      const ran = await run('hostname; echo "$1" >/tmp/made; exit 9');
      expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 9 });
      expect(ran.stdout).toContain("inside-named");
      expect(engine.docker("exec", "named", "ls", "/tmp/made")).toBe("/tmp/made");

      const { id } = await dispatchTask(product.api, {
        command: ["sh", "-c", "echo begun; sleep 4321 & while :; do sleep 1; done"],
        on: { host: "within" },
      });
      await taskShows(product.api, id, "running", ({ status }) => status === "running");
      await poll("both run inside", () => (engine.docker("top", "named").includes("sleep 4321") ? true : undefined), { timeoutMs: 30_000 });
      await cancelSoon(product.api, id, "enough");
      expect(await taskEnds(product.api, id)).toMatchObject({ status: "cancelled" });
      expect(engine.docker("top", "named")).not.toContain("sleep 4321");
      expect((await wholeLog(product.api, id)).text).toBe("begun\n");
      // Nothing of an attempt that is over stays in it.
      await poll(
        "nothing is left inside",
        () => (engine.docker("exec", "named", "ls", "/.maestro-remote/attempts") === "" ? true : undefined),
        {
          timeoutMs: 60_000,
          everyMs: 500,
        },
      );

      engine.docker("stop", "-t", "0", "named");
      const checked = await product.cli(["host", "check", "within", "--json"]);
      expect(checked.code).not.toBe(0);
      expect(checked.stdout).toContain("container_not_running");
      engine.docker("rm", "named");
    },
  );

  test(
    "--container: of a linked host and of a remote one, for one task; it survives its host-agent; what is not there is told",
    { timeout: 300_000 },
    async () => {
      engine.container("dev", "--hostname", "inside-dev");
      await machine.join(product, "box");
      const machines = [
        [product.api.defaultHost ?? "", join(product.home.path, "..", "work")],
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
        for (const type of ["boxed", "boxed-shell"]) {
          const assign = ["agent", "assign", type, "--name", `${type}-${host}`, "--host", host, "--to-workspace", workspace];
          expect(await product.cli(assign)).toMatchObject({ code: 0 });
        }
        const prompt = "hostname; pwd; echo one; until [ -e gate ]; do sleep 0.1; done; echo two; exit 7";
        const { id: isolated } = await dispatchTask(product.api, { prompt, to: [`boxed-${host}`] });
        await taskShows(product.api, id, "running", ({ status }) => status === "running");
        await taskShows(product.api, isolated, "running", ({ status }) => status === "running");
        // A live terminal shares it.
        expect(await product.cli(["agent", "start", `boxed-shell-${host}`])).toMatchObject({ code: 0 });
        const session = (await product.api.sessions()).find((one) => one.name === `boxed-shell-${host}`)?.id ?? "";
        await product.api.type(session, "trap '' HUP TERM; setsid sleep 5432 & echo in $(hostname)\r");
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
        await product.api.screenShows(session, `in ${name}`);
        expect((await product.cli(["cleanup", isolated, "--yes"])).stdout).toContain("A session is open");
        expect(engine.docker("top", name)).toContain("sleep 5432");
        expect((await product.cli(["session", "kill", session, "--yes"])).code).toBe(0);
        expect(engine.docker("top", name)).not.toContain("sleep 5432");
        expect((await product.cli(["cleanup", isolated, "--yes"])).code).toBe(0);
        expect(engine.docker("ps", "-a", "--format", "{{.Names}}")).toBe("dev");
        expect(existsSync(join(workspace, "gate"))).toBe(true);
        await machine.online(product, "box");
      }
    },
  );
});
