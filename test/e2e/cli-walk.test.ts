/** docs/first-ten-minutes.md by the CLI alone: every command that it names succeeds, says what it did, and exits 0. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeAgent } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { BUNDLE, Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { TmuxPane } from "../support/tmux-pane.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("tmux");
const Thing = z.looseObject({ id: z.string(), name: z.string() });
const Things = z.array(Thing);

describe.skipIf(missing !== undefined)(`the first ten minutes${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  beforeAll(async () => {
    product = await Product.up();
  });
  afterAll(async () => product[Symbol.asyncDispose]());

  /** What was said by a command that has to succeed. */
  async function ok(args: readonly string[], stdin = ""): Promise<string> {
    const { code, stdout, stderr } = await product.cli(args, { stdin });
    expect([args.join(" "), code, stderr.includes("    at ")], stderr).toEqual([args.join(" "), 0, false]);
    return stdout;
  }
  const refused = async (...args: string[]): Promise<number | null> => {
    const { code, stdout } = await product.cli(args);
    expect([args.join(" "), stdout]).toEqual([args.join(" "), ""]);
    return code;
  };

  test("§1–2 up said where the console is, and the doctor finds this machine well", async () => {
    expect(product.login).toContain("#mst_login_");
    expect(await ok(["status"])).toMatch(/^hosts +1 online of 1$/m);
    const { ok: well, checks } = await product.cliJson(
      z.object({ ok: z.boolean(), checks: z.array(z.looseObject({ id: z.string(), state: z.string(), remedy: z.string().optional() })) }),
      ["doctor"],
    );
    expect(well).toBe(true);
    expect(checks.map(({ id }) => id)).toEqual(["node", "tmux", "node-pty", "home", "disk", "server", "clock", "login", "host", "agents"]);
    expect(checks.filter(({ state, remedy }) => state !== "ok" && remedy === undefined)).toEqual([]);
  });

  test("§3, §5 an agent is assigned, started, attached to, left running, stopped and removed", async () => {
    const file = join(product.home.directory("types"), "walker.yaml");
    const workspace = join(product.home.directory("work"), "demo");
    writeFileSync(file, `slug: walker\nadapter: custom\nargv: ${JSON.stringify(fakeAgent("--walk"))}\n`);
    expect(await ok(["agent", "register", file])).toBe("Type 'walker' is registered.\n");
    expect(await ok(["agent", "assign", "walker", "--to-workspace", workspace, "--name", "demo-web-frontend"])).toMatch(
      /^demo-web-frontend is assigned to .*\/demo on .+ Start it: maestro agent attach demo-web-frontend\n$/,
    );
    expect(await product.cliJson(Things, ["agent", "list"])).toMatchObject([{ name: "demo-web-frontend", status: "idle", workspace }]);
    expect(await ok(["agent", "list"])).toMatch(/^NAME +TYPE +HOST +STATUS.*\ndemo-web-frontend +walker .*idle/);
    const session = (await ok(["agent", "start", "demo-web-frontend", "-q"])).trim();
    expect(session).toMatch(/^ses_/);
    expect(await ok(["agent", "show", "demo-web-frontend"])).toContain(session);
    {
      await using pane = await TmuxPane.open({
        argv: [process.execPath, BUNDLE, "agent", "attach", "demo-web-frontend"],
        env: product.home.env(),
      });
      await pane.shows('args ["--walk"]');
      await pane.type("say from the walk");
      await pane.press("Enter");
      await pane.shows(/^from the walk/m);
      await pane.press("C-q");
      await pane.shows("Detached; the session goes on.");
    }
    expect(await ok(["session", "screen", session])).toMatch(/^from the walk$/m);
    expect(await ok(["session", "screen", session, "--ansi"])).toContain("from the walk");
    expect(await ok(["open", "demo-web-frontend", "--print"])).toContain(encodeURIComponent(`/sessions/${session}`));
    expect(await ok(["agent", "stop", "demo-web-frontend", "--force"])).toBe("demo-web-frontend is stopped.\n");
    await poll("the agent rests", async () =>
      (await product.cliJson(Thing, ["agent", "show", "demo-web-frontend"]))["status"] === "working" ? undefined : true,
    );
    expect(await refused("agent", "remove", "demo-web-frontend")).toBe(2);
    expect(await ok(["agent", "remove", "demo-web-frontend", "--yes"])).toContain("demo-web-frontend is removed");
    expect(await product.cliJson(Things, ["agent", "list"])).toEqual([]);
  });

  test("§5 a session is opened, listed with and without the control plane, shown and ended", async () => {
    const id = (await ok(["session", "new", "--name", "walk", "-q", "--", ...fakeAgent()])).trim();
    expect(await product.cliJson(Things, ["session", "list"])).toContainEqual(
      expect.objectContaining({ id, name: "walk", status: "running" }),
    );
    const [remote] = (await product.cliJson(Things, ["session", "list"])).filter((one) => one.id === id);
    const [local] = (await product.cliJson(Things, ["session", "list", "--local"])).filter((one) => one.id === id);
    expect(Object.keys(local ?? {}).toSorted()).toEqual(Object.keys(remote ?? {}).toSorted());
    expect(local).toMatchObject({ id, name: "walk", status: "running" });
    // The server's clock, as the host takes it to be: the way there counts.
    const apartMs = Date.parse(String(local?.["createdAt"])) - Date.parse(String(remote?.["createdAt"]));
    expect(Math.abs(apartMs)).toBeLessThan(2_000);
    await poll("its screen", async () => ((await ok(["session", "screen", "walk"])).includes("fake-agent") ? true : undefined));
    expect(await ok(["status", "walk"])).toMatch(/^status +running$/m);
    expect(await refused("session", "kill", "walk")).toBe(2);
    expect(await ok(["session", "kill", "walk", "--yes"])).toBe("walk is ended.\n");
    expect(await refused("session", "screen", "no-such-session")).toBe(9);
  });

  test("§7 this host is listed, shown, drained, resumed, and another is invited", async () => {
    const [host] = await product.cliJson(Things, ["host", "list"]);
    const name = host?.name ?? "";
    expect(await ok(["host", "show", name])).toMatch(/^status +online$/m);
    expect(await ok(["host", "drain", name])).toBe(`${name} drains: what runs goes on, nothing new starts.\n`);
    expect(await refused("session", "new")).toBe(10);
    expect(await ok(["host", "resume", name])).toBe(`${name} takes work again.\n`);
    expect(await ok(["host", "invite", "--name", "gpu-1"])).toMatch(/^curl .*\/install\.sh \| .*MAESTRO_JOIN=mst_join_\S+ sh\n$/);
    expect((await product.cliJson(z.looseObject({ line: z.string() }), ["host", "invite"])).line).toContain("MAESTRO_JOIN=");
  });

  test("§9 a fresh login link; a token logs another machine's CLI in, until it is revoked", async () => {
    expect(await ok(["open", "--print"])).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login.*#mst_login_/);
    const { secret } = await product.cliJson(z.looseObject({ secret: z.string() }), ["token", "create", "walker", "--role", "viewer"]);
    expect(await ok(["token", "list"])).toMatch(/^walker +viewer +valid/m);
    await using other = new TestHome();
    const elsewhere = (args: readonly string[], stdin = "") => product.cli(args, { stdin, env: other.env() });
    const login = await elsewhere(["login", product.url, "--token-file", "-"], `${secret}\n`);
    expect(login).toMatchObject({ code: 0, stdout: expect.stringContaining("walker' (viewer); stored as profile") });
    expect(await elsewhere(["host", "list", "-q"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hst_\S+\n$/) });
    expect(await elsewhere(["session", "new"])).toMatchObject({ code: 4, stdout: "" });
    expect(await ok(["token", "revoke", "walker", "--yes"])).toBe("walker is revoked.\n");
    expect(await elsewhere(["host", "list"])).toMatchObject({ code: 4, stdout: "" });
    expect(await ok(["audit", "--verify"])).toMatch(/^intact +yes$/m);
    expect(await ok(["events", "--limit", "5"])).toContain("\t");
  });

  test("§9 down stops it, once", async () => {
    expect(await ok(["down"])).toBe("Stopped. Sessions and agents go on; the next `maestro up` finds them.\n");
    expect(await refused("host", "list")).toBe(3);
    expect(await refused("down")).toBe(10);
  });
});
