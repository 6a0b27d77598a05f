/** The CLI as a person uses it: in a terminal (tmux), and as a script uses it. */
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeAgent } from "../support/flood.ts";
import { BUNDLE, Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { TmuxPane } from "../support/tmux-pane.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("tmux");

describe.skipIf(missing !== undefined)(`cli${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  beforeAll(async () => {
    product = await Product.up();
  });
  afterAll(async () => product[Symbol.asyncDispose]());

  const open = (...args: string[]) => TmuxPane.open({ argv: [process.execPath, BUNDLE, ...args], env: product.home.env() });

  test("attach is a full terminal: type, resize, detach with Ctrl-q, attach again to the same screen", async () => {
    const session = await product.api.createSession({ argv: fakeAgent(), name: "talker", backend: "pty" });
    {
      await using pane = await open("session", "attach", "talker");
      await pane.shows("fake-agent");
      await pane.type("say through the cli");
      await pane.press("Enter");
      await pane.shows(/^through the cli/m);
      await pane.resize(120, 40);
      await poll(
        "the session has the terminal's size",
        async () => {
          const now = await product.api.session(session.id);
          return now.cols === 120 && now.rows >= 39 ? true : undefined;
        },
        { everyMs: 50 },
      );
      await pane.press("C-q");
      await pane.shows(/detached/i);
    }
    await using again = await open("session", "attach", session.id.slice(0, 24));
    await again.shows("through the cli");
  });

  test("ten sessions opened at once without a name have ten names, and none is refused", async () => {
    const opening = Array.from({ length: 10 }, () => product.api.createSession({ argv: ["/bin/cat"], backend: "pty" }));
    const sessions = await Promise.all(opening);
    expect(new Set(sessions.map(({ name }) => name)).size).toBe(10);
    expect(sessions.every(({ name }) => /^cat(-\d+)?$/.test(name))).toBe(true);
    await Promise.all(sessions.map(({ id }) => product.api.killSession(id)));
  });

  test(
    "the control plane goes and comes back under an attached terminal: the line that says so goes with it",
    { timeout: 120_000 },
    async () => {
      await using other = await Product.up();
      const session = await other.api.createSession({ argv: fakeAgent(), backend: "pty" });
      await using pane = await TmuxPane.open({ argv: [process.execPath, BUNDLE, "session", "attach", session.id], env: other.home.env() });
      await pane.shows("fake-agent");
      await other.down();
      await pane.shows("Not connected");
      await other.upAgain();
      await poll("the screen as it was", async () => ((await pane.screen()).includes("Not connected") ? undefined : true), {
        timeoutMs: 30_000,
      });
      await pane.shows("fake-agent");
      await pane.type("say after the break");
      await pane.press("Enter");
      await pane.shows(/^after the break/m);
    },
  );

  test("--read-only watches and never writes", async () => {
    const session = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
    await using pane = await open("session", "attach", session.id, "--read-only");
    await pane.shows("fake-agent");
    await pane.type("say leaked");
    await pane.press("Enter");
    await product.api.type(session.id, "say from the api\r");
    await pane.shows("from the api");
    expect(await pane.screen()).not.toContain("leaked");
  });

  test("with the control plane away, --local lists and attaches", { timeout: 120_000 }, async () => {
    await using other = await Product.up();
    const session = await other.api.createSession({ argv: fakeAgent(), name: "local-one" });
    await other.down();
    const list = await other.cliJson(z.array(z.looseObject({ id: z.string() })), ["session", "list", "--local"]);
    expect(list.map((one) => one.id)).toContain(session.id);
    const away = await other.cli(["session", "list"]);
    expect(away).toMatchObject({ code: 3, stdout: "" });
    expect(away.stderr).toMatch(/ECONNREFUSED|refused/);
    await using pane = await TmuxPane.open({
      argv: [process.execPath, BUNDLE, "session", "attach", "--local", session.id],
      env: other.home.env(),
    });
    await pane.shows("fake-agent");
    await pane.type("say no control plane");
    await pane.press("Enter");
    await pane.shows(/^no control plane/m);
  });

  test("scripts get JSON on stdout, problems on stderr, and the exit codes of the table", async () => {
    const hosts = await product.cliJson(z.array(z.looseObject({ name: z.string() })), ["host", "list"]);
    expect(hosts).toHaveLength(1);
    const unknown = await product.cli(["host", "show", "nobody", "--json"]);
    expect(unknown).toMatchObject({ code: 9, stdout: "" });
    expect(JSON.parse(unknown.stderr)).toMatchObject({ error: { code: "host_not_found" } });
    const again = await product.cli(["up", "--no-open", "--port", String(product.port)]);
    expect(again.code).toBe(10);
    const usage = await product.cli(["session", "lsit"]);
    expect(usage.code).toBe(2);
    expect(usage.stderr).toContain("list");
    const doctor = await product.cli(["doctor"]);
    expect(doctor.stdout).toMatch(/tmux/);
    expect((await product.cli(["audit", "--verify"])).code).toBe(0);
  });

  test("start, stop and start again reuse the state", { timeout: 120_000 }, async () => {
    await using other = await Product.up();
    const session = await other.api.createSession({ argv: fakeAgent() });
    const [host] = await other.api.hosts();
    expect((await other.cli(["down"])).code).toBe(0);
    await other.upAgain();
    expect((await other.api.hosts()).map(({ id }) => id)).toEqual([host?.id]);
    await other.api.type(session.id, "say kept\r");
    await other.api.screenShows(session.id, /^kept/m, 60_000);
  });
});
