/** Live terminals on a host where nothing of Maestro is installed, through the product as shipped. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine } from "../support/docker-engine.ts";
import { Product } from "../support/maestro.ts";
import { processInfo } from "../support/processes.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd") ?? lacking("tmux");

/** Of a test that failed nothing goes on. */
class TmuxOfItsOwn implements AsyncDisposable {
  readonly env = { TMUX_TMPDIR: mkdtempSync(join(tmpdir(), "mrt-")) };

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      execFileSync("tmux", ["-L", "maestro", "kill-server"], { env: { ...process.env, ...this.env }, stdio: "ignore" });
    } catch {
      // It has ended with its last session.
    }
    rmSync(this.env.TMUX_TMPDIR, { recursive: true, force: true, maxRetries: 5 });
  }
}

describe.skipIf(missing !== undefined)(`terminals on remote hosts${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  beforeAll(async () => {
    product = await Product.up({ timeScale: 0.2 });
  });
  afterAll(async () => product?.[Symbol.asyncDispose]());

  test("opened, typed at, resized, ended: as on a linked host", { timeout: 180_000 }, async () => {
    await using tmux = new TmuxOfItsOwn();
    await using machine = await RemoteMachine.start({}, { env: tmux.env });
    await machine.join(product, "gpu");
    const made = await product.cli(["session", "new", "--host", "gpu", "--name", "there", "--json", "--", "/bin/sh"]);
    expect({ code: made.code, stderr: made.stderr }).toMatchObject({ code: 0 });
    const session = (await product.api.sessions()).find(({ name }) => name === "there");
    expect(session).toMatchObject({ name: "there", command: "/bin/sh", cwd: machine.home, host: { name: "gpu" } });
    const id = session?.id ?? "";
    {
      await using viewer = await product.attach(id, { cols: 100, rows: 30, screen: true });
      await viewer.when("pen", () => viewer.hasPen);
      viewer.type("echo $((6*7)) $(stty size) $HOME\r");
      await viewer.screenShows(`42 30 100 ${machine.home}`);
      viewer.type("exit 5\r");
      const { session: over } = await viewer.frame("session", (frame) => frame.session.end !== undefined);
      expect(over.end).toMatchObject({ reason: "exited", code: 5 });
    }
    await poll("nothing is left there", () => (existsSync(join(machine.home, ".maestro-remote", "terminals", id)) ? undefined : true), {
      timeoutMs: 60_000,
      everyMs: 200,
    });
  });

  test(
    "the line is cut and the host-agent is killed: the program goes on, once, and its viewer sees it again",
    { timeout: 240_000 },
    async () => {
      await using tmux = new TmuxOfItsOwn();
      await using machine = await RemoteMachine.start({}, { env: tmux.env });
      await machine.join(product, "gpu-2");
      const [ran, gate] = [join(machine.home, "ran"), join(machine.home, "gate")];
      const script = `echo ran >>'${ran}'; echo before; until [ -e '${gate}' ]; do sleep 0.1; done; echo after; read -r line; echo "got $line"; exit 3`;
      const { id } = await product.api.createSession({ host: "gpu-2", argv: ["sh", "-c", script], name: "lasting" });
      await using viewer = await product.attach(id, { cols: 80, rows: 24, screen: true });
      await viewer.when("pen", () => viewer.hasPen);
      await viewer.screenShows("before");
      machine.line.blackhole();
      machine.line.cutAll();
      await viewer.screenShows("is lost");
      writeFileSync(gate, "");
      machine.line.heal();
      await viewer.screenShows("after");
      await product.killAndReturn("host-agent");
      await viewer.frame("host", ({ connected }) => !connected);
      await viewer.when("the host is back", () => viewer.last("host")?.connected === true);
      await product.api.type(id, "this\r");
      const { session: over } = await viewer.frame("session", (frame) => frame.session.end !== undefined);
      expect(over.end).toMatchObject({ reason: "exited", code: 3 });
      expect(await product.api.screen(id)).toContain("got this");
      expect(readFileSync(ran, "utf8")).toBe("ran\n");
    },
  );

  test("a kill ends it there; what cannot start is refused before anything is shown", { timeout: 180_000 }, async () => {
    await using tmux = new TmuxOfItsOwn();
    await using machine = await RemoteMachine.start({}, { env: tmux.env });
    await machine.join(product, "gpu-3");
    const refused = await product.cli(["session", "new", "--host", "gpu-3", "--", "no-such-program"]);
    expect(refused.stderr).toContain("spawn_failed");
    const elsewhere = await product.cli(["session", "new", "--host", "gpu-3", "--cwd", "/nowhere", "--", "sh"]);
    expect(elsewhere.stderr).toContain("remote_directory_missing");
    expect((await product.api.sessions()).filter(({ host }) => host.name === "gpu-3")).toEqual([]);
    const { id } = await product.api.createSession({ host: "gpu-3", argv: ["sh", "-c", `echo $$ >"$HOME/pid"; echo up; exec sleep 1000`] });
    await product.api.screenShows(id, "up");
    const pid = readFileSync(join(machine.home, "pid"), "utf8").trim();
    const killed = await product.cli(["session", "kill", id, "--yes"]);
    expect({ code: killed.code, stderr: killed.stderr }).toMatchObject({ code: 0 });
    // Whoever takes in orphans may take its time.
    expect([undefined, "Z"]).toContain(processInfo(Number(pid))?.state);
    expect(await product.api.session(id)).toMatchObject({ end: { reason: "killed" } });
  });
});

const noEngine = lacking("sshd", "docker");

describe.skipIf(noEngine !== undefined)(`terminals in containers there${noEngine === undefined ? "" : ` (skipped: ${noEngine})`}`, () => {
  test("a shell inside: its files, its size, its exit code; killed, nothing of it runs on", { timeout: 300_000 }, async () => {
    await using engine = await DockerEngine.start();
    engine.container("dev", "--hostname", "inside-dev");
    await using product = await Product.up({ timeScale: 0.2 });
    await using machine = await RemoteMachine.start({}, { env: engine.env });
    await machine.join(product, "box", "--container", "dev");
    const shell = await product.api.createSession({ host: "box", argv: ["/bin/sh"] });
    {
      await using viewer = await product.attach(shell.id, { cols: 100, rows: 30, screen: true });
      await viewer.when("pen", () => viewer.hasPen);
      // docker tells the size a little after the start.
      viewer.type("until stty size 2>&1 | grep '30 100'; do sleep 0.1; done; echo \"in $(hostname)\"\r");
      await viewer.screenShows("in inside-dev");
      viewer.type("exit 6\r");
      const { session } = await viewer.frame("session", (frame) => frame.session.end !== undefined);
      expect(session.end).toMatchObject({ reason: "exited", code: 6 });
    }
    const deaf = await product.api.createSession({ host: "box", argv: ["sh", "-c", "trap '' HUP; echo up; sleep 4321; sleep 4321"] });
    await product.api.screenShows(deaf.id, "up");
    expect(engine.docker("top", "dev")).toContain("sleep 4321");
    await product.api.killSession(deaf.id);
    expect(engine.docker("top", "dev")).not.toContain("sleep 4321");
  });
});
