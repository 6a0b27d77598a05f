/** What goes wrong on the way to a remote host and on it, through the product as shipped: a real sshd, a real small disk, a real line that breaks. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshdPath } from "../../host-agent/src/transports/ssh/testing/sshd.ts";
import { mountSmall } from "../chaos/faults.ts";
import { DockerEngine } from "../support/docker-engine.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { chooseSeed, seededRandom } from "../support/random.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { isFullRun, lacking } from "../support/system.ts";
import { dispatchTask, sha256, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd", "linux");
const noMounts = lacking("mounts");
const noDocker = lacking("docker");
const CUTS = isFullRun ? 40 : 3;
/** Of a start over a new connection about so many bytes go there: keys, the script, the runner, the orders. */
const START_BYTES = 48_000;

describe.skipIf(missing !== undefined)(`remote hosts and faults${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  const home = new TestHome();

  beforeAll(async () => {
    const types = join(home.path, "agents.d");
    mkdirSync(types, { recursive: true });
    const define = (slug: string, more: object) =>
      writeFileSync(join(types, `${slug}.yaml`), JSON.stringify({ slug, adapter: "custom", ...more }));
    define("counter", { argv: ["sh", "-c", "sha256sum"], prompt: "stdin" });
    define("worded", { argv: ["sh", "-c", 'printf %s "$1"', "worded"], prompt: "arg" });
    define("nowhere", { argv: ["no-such-agent-cli"], prompt: "stdin" });
    product = await Product.up({ home, timeScale: 0.2 });
  }, 120_000);
  afterAll(() => product[Symbol.asyncDispose]());

  const run = (host: string, script: string) =>
    product.cli(["task", "dispatch", "--exec", "--host", host, "--sync", "--", "sh", "-c", script]);

  test("rc files and a banner that talk, large prompts, and agent CLIs that are not there", { timeout: 240_000 }, async () => {
    const banner = join(home.path, "banner");
    writeFileSync(banner, "AUTHORIZED USE ONLY\nmaestro-0 child running refused ended\n");
    await using machine = await RemoteMachine.start({ Banner: banner });
    for (const name of [".bashrc", ".profile", ".bash_profile", ".zshenv"])
      writeFileSync(join(machine.home, name), 'echo "Welcome to $HOME"; echo warning >&2; printf "no newline"\n');
    await machine.join(product, "noisy");
    const said = await run("noisy", "echo mine; exit 4");
    expect({ code: said.code, out: said.stdout }).toMatchObject({ code: 4, out: expect.stringContaining("mine") });
    expect(said.stdout).not.toMatch(/Welcome|AUTHORIZED|no newline/);

    for (const type of ["counter", "worded", "nowhere"]) {
      const assigned = await product.cli(["agent", "assign", type, "--to-workspace", join(machine.home, type), "--host", "noisy"]);
      expect({ type, code: assigned.code, stderr: assigned.stderr }).toMatchObject({ code: 0 });
    }
    const prompt = 'prompt\'s "$(touch x)" ü\n'.repeat(12_500);
    expect(Buffer.byteLength(prompt)).toBeGreaterThan(300_000);
    const large = await dispatchTask(product.api, { prompt, to: ["counter"] });
    expect(await taskEnds(product.api, large.id)).toMatchObject({ status: "completed" });
    expect((await wholeLog(product.api, large.id)).text).toContain(sha256(prompt));

    const long = await dispatchTask(product.api, { prompt: "x".repeat(140_000), to: ["worded"] });
    const refused = await taskShows(product.api, long.id, "refused", ({ reason }) => reason !== undefined);
    expect(JSON.stringify(refused)).toMatch(/131071|140,?000|at most/i);

    const absent = await product.api.refused("POST", "/api/v1/tasks", { prompt: "do it", to: ["nowhere"] });
    expect(absent).toMatchObject({ code: "agent_cli_missing", detail: expect.stringContaining("no-such-agent-cli") });
  });

  test("the line is cut at any byte of a start: each task runs once", { timeout: 1_200_000 }, async () => {
    await using machine = await RemoteMachine.start();
    await machine.join(product, "cut");
    const nonces = join(machine.home, "nonces");
    mkdirSync(nonces);
    const random = seededRandom(chooseSeed());
    for (let i = 0; i < CUTS; i++) {
      const afterBytes = random.int(0, START_BYTES);
      console.info(`seed ${random.seed}: start ${i} is cut after byte ${afterBytes}`);
      machine.line.cutNext({ direction: "up", afterBytes, how: random.pick(["rst", "fin"]) });
      machine.line.cutAll();
      const { id } = await dispatchTask(product.api, {
        command: ["sh", "-c", `echo ran >>'${nonces}/${i}'; echo done`],
        on: { host: "cut" },
      });
      expect(await taskEnds(product.api, id, 120_000)).toMatchObject({ status: "completed", exitCode: 0 });
      expect(readFileSync(join(nonces, String(i)), "utf8")).toBe("ran\n");
      expect((await wholeLog(product.api, id)).text).toBe("done\n");
    }
    await poll("nothing is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 60_000 });
    expect(watchesOf(machine)).toEqual([]);
  });

  test("sshd is killed with all its sessions, and is back: the task goes on", { timeout: 240_000 }, async () => {
    await using machine = await RemoteMachine.start();
    await machine.join(product, "back");
    const gate = join(machine.home, "gate");
    const { id } = await dispatchTask(product.api, {
      command: ["sh", "-c", `echo one; until [ -e '${gate}' ]; do sleep 0.1; done; echo two; exit 3`],
      on: { host: "back" },
    });
    await taskShows(product.api, id, "running", ({ status }) => status === "running");
    await machine.sshd.stop();
    machine.line.cutAll();
    writeFileSync(gate, "");
    using again = serveAgain(machine);
    await again.said("Server listening");
    expect(await taskEnds(product.api, id, 120_000)).toMatchObject({ status: "failed", exitCode: 3 });
    expect((await wholeLog(product.api, id)).text).toBe("one\ntwo\n");
  });

  test("another host key is refused before anybody says who they are", { timeout: 240_000 }, async () => {
    await using machine = await RemoteMachine.start();
    await machine.join(product, "changed");
    const fingerprint = () => execFileSync("ssh-keygen", ["-lf", machine.sshd.at("host.pub")], { encoding: "utf8" }).split(" ")[1] ?? "";
    const before = fingerprint();
    await machine.sshd.stop();
    machine.line.cutAll();
    for (const name of ["host", "host.pub"]) rmSync(machine.sshd.at(name));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", machine.sshd.at("host")]);
    using again = serveAgain(machine);
    await again.said("Server listening");
    const checked = await product.cli(["host", "check", "changed"]);
    expect(checked.code).not.toBe(0);
    const out = checked.stdout + checked.stderr;
    expect(out).toContain("host_key_changed");
    expect(out).toContain(before);
    expect(out).toContain(fingerprint());
    expect(again.log()).toContain("Connection from");
    expect(again.log()).not.toMatch(/Accepted|Failed|Postponed|userauth/i);
  });

  test.skipIf(noMounts !== undefined)(
    `[F24] its disk is full: told as such, what ran there ends as it did, and what follows works${noMounts === undefined ? "" : ` (skipped: ${noMounts})`}`,
    { timeout: 240_000 },
    async () => {
      await using machine = await RemoteMachine.start();
      // Its check wants more room than a test fills.
      await machine.join(product, "full");
      using _disk = mountSmall(machine.home, 4);
      const filled = await run("full", 'dd if=/dev/zero of="$HOME/fill" bs=4096 2>/dev/null; exit 5');
      expect({ code: filled.code, stderr: filled.stderr }).toMatchObject({ code: 5 });
      // What is kept of it there takes room until its log is collected: removed after this, it would make room for the next.
      await poll("nothing of it is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 60_000 });
      expect(() => execFileSync("dd", ["if=/dev/zero", `of=${join(machine.home, "more")}`, "bs=4096"], { stdio: "ignore" })).toThrow();
      const { id } = await dispatchTask(product.api, { command: ["true"], on: { host: "full" } });
      const refused = await taskShows(product.api, id, "refused", ({ reason }) => reason !== undefined);
      expect(refused.reason).toMatchObject({ code: "disk_low", detail: expect.stringContaining("No space left") });
      for (const name of ["fill", "more"]) rmSync(join(machine.home, name), { force: true });
      expect((await run("full", "echo room")).stdout).toContain("room");
    },
  );
});

test.skipIf(noDocker !== undefined)(
  `a container that is stopped, restarted, or made anew under a task: it has ended, and is not begun again${noDocker === undefined ? "" : ` (skipped: ${noDocker})`}`,
  { timeout: 300_000 },
  async () => {
    await using engine = await DockerEngine.start();
    engine.container("dev");
    await using product = await Product.up({ timeScale: 0.2, env: engine.env });
    const begin = async () => {
      const { id } = await dispatchTask(product.api, {
        command: ["sh", "-c", "echo ran >>/tmp/nonce; sleep 4321"],
        on: { host: product.api.defaultHost },
        container: "dev",
      });
      await taskShows(product.api, id, "running", ({ status }) => status === "running");
      await poll("it runs inside", () => (engine.docker("top", "dev").includes("sleep 4321") ? true : undefined), { timeoutMs: 30_000 });
      return id;
    };
    const died = { status: "failed", reason: { code: "runner_died" } };

    // Whoever listened before the host-agent was killed is gone from it: one shell listens, and its other half.
    const left = await begin();
    await product.killAndReturn("host-agent");
    const watches = () =>
      engine
        .docker("top", "dev", "-eo", "pid,args")
        .split("\n")
        .filter((line) => line.endsWith("hand watch")).length;
    await poll("it is watched anew, once", () => (watches() === 2 ? true : undefined), {
      timeoutMs: 60_000,
      everyMs: 500,
      detail: () => engine.docker("top", "dev", "-eo", "pid,args").slice(-400),
    });
    const cancelled = await product.cli(["task", "cancel", left, "--reason", "not needed any more", "--yes"]);
    expect({ code: cancelled.code, stderr: cancelled.stderr }).toMatchObject({ code: 0 });
    expect(await taskEnds(product.api, left)).toMatchObject({ status: "cancelled", cancel: { reason: "not needed any more" } });
    await poll("nobody watches", () => (watches() === 0 ? true : undefined), { timeoutMs: 30_000, everyMs: 500 });

    const stopped = await begin();
    engine.docker("stop", "-t", "0", "dev");
    expect(await taskEnds(product.api, stopped, 90_000)).toMatchObject(died);

    engine.docker("start", "dev");
    const restarted = await begin();
    engine.docker("restart", "-t", "0", "dev");
    expect(await taskEnds(product.api, restarted, 90_000)).toMatchObject(died);
    expect(engine.docker("top", "dev")).not.toContain("sleep 4321");

    const replaced = await begin();
    engine.docker("rm", "-f", "dev");
    engine.container("dev");
    expect(await taskEnds(product.api, replaced, 90_000)).toMatchObject(died);
    expect(engine.docker("exec", "dev", "sh", "-c", "ls /tmp/nonce 2>/dev/null || echo none")).toBe("none");
  },
);

/** The same machine's server, started anew. */
function serveAgain(machine: RemoteMachine): Disposable & { log(): string; said(text: string): Promise<true> } {
  const server: ChildProcess = spawn(sshdPath() ?? "sshd", ["-D", "-e", "-f", machine.sshd.at("config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  server.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString("utf8")));
  return {
    log: () => log,
    said: (text) => poll(`sshd says ${text}`, () => (log.includes(text) ? true : undefined), { timeoutMs: 20_000, detail: () => log }),
    [Symbol.dispose]: () => void server.kill("SIGTERM"),
  };
}

/** What `watch` keeps while it runs, beside the attempts or in memory. */
function watchesOf(machine: RemoteMachine): string[] {
  const below = (dir: string) => (existsSync(dir) ? readdirSync(dir) : []);
  return below(join(machine.home, ".maestro-remote")).filter((name) => name.startsWith("maestro-watch"));
}
