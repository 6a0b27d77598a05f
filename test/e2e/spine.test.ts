/** The spine on real parts: control plane on workerd, two host-agents, tmux and PTY, viewers that count bytes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { lacking, titled } from "../support/system.ts";
import { Product, type SecondHost } from "../support/maestro.ts";
import { fakeAgent, rawCat } from "../support/flood.ts";
import { poll } from "../support/wait.ts";

let product: Product;
let second: SecondHost;

beforeAll(async () => {
  product = await Product.up();
  second = await product.joinHost("second");
});
afterAll(async () => product[Symbol.asyncDispose]());

test("a key typed by a viewer reaches the program and its echo comes back", async () => {
  const { id } = await product.api.createSession({ argv: [...rawCat], backend: "pty" });
  await using viewer = await product.attach(id, { cols: 80, rows: 24, screen: true });
  await viewer.when("pen", () => viewer.hasPen);
  viewer.type("hello, machine");
  await viewer.screenShows("hello, machine");
});

test.each(["pty", "tmux"] as const)("a shell on a second machine runs commands (%s)", async (backend) => {
  const session = await product.api.createSession({ host: second.name, backend, argv: ["/bin/sh"], name: `shell-${backend}` });
  expect(session.host.name).toBe("second");
  await using viewer = await product.attach(session.id, { cols: 100, rows: 30, screen: true });
  await viewer.when("pen", () => viewer.hasPen);
  viewer.type("echo $((6*7)) $(stty size)\r");
  await viewer.screenShows("42 30 100");
  expect(await product.api.screen(session.id)).toContain("42 30 100");
});

test("[VW2] [VW3] the second viewer watches, takes the pen, and the session takes its size", async () => {
  const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
  await using first = await product.attach(id, { cols: 80, rows: 24, screen: true });
  await first.when("pen", () => first.hasPen);
  await using other = await product.attach(id, { cols: 120, rows: 40, screen: true });
  await other.frame("pen", (pen) => !pen.you && pen.viewers === 2);
  other.type("say not mine\r");
  expect((await other.frame("error")).error.code).toBe("not_writer");
  await other.take();
  await first.frame("pen", (pen) => !pen.you);
  await first.frame("size", (size) => size.cols === 120 && size.rows === 40);
  other.type("size\r");
  await first.screenShows(/120.*40|40.*120/);
});

test("[CH4] a viewer that joins sees the screen that is there", async () => {
  const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "tmux" });
  await product.api.type(id, "say before anybody watched\r");
  await product.api.screenShows(id, "before anybody watched");
  await using viewer = await product.attach(id, { screen: true });
  await viewer.screenShows("before anybody watched");
  expect(viewer.bytesBeforeScreen).toBeLessThanOrEqual(16 * 1024);
});

test("a program's end is told with its exit code, and the session stays on the list", async () => {
  const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
  await using viewer = await product.attach(id, { screen: true });
  await viewer.when("pen", () => viewer.hasPen);
  viewer.type("exit 3\r");
  const { session } = await viewer.frame("session", (frame) => frame.session.end !== undefined);
  expect(session.end).toMatchObject({ reason: "exited", code: 3 });
  const listed = await poll("session listed as ended", async () => (await product.api.session(id)).end, { everyMs: 50 });
  expect(listed).toMatchObject({ reason: "exited", code: 3 });
});

test(
  titled("the user's own tmux sessions are listed, attached and left as they were", lacking("tmux")),
  { skip: lacking("tmux") !== undefined },
  async () => {
    const { execFileSync } = await import("node:child_process");
    const env = product.home.env();
    const tmux = (...argv: string[]) => execFileSync("tmux", argv, { env, encoding: "utf8" });
    tmux("-f", "/dev/null", "new-session", "-d", "-s", "mine", "-x", "90", "-y", "20", "--", "/bin/sh");
    const before = tmux("show-options", "-t", "=mine:") + tmux("list-sessions", "-F", "#{session_name} #{window_width}x#{window_height}");
    const found = await poll(
      "the user's session on the list",
      async () => (await product.api.sessions()).find((session) => session.backend === "user-tmux" && session.name === "mine"),
      { timeoutMs: 30_000, everyMs: 200 },
    );
    {
      await using viewer = await product.attach(found.id, { cols: 200, rows: 60, screen: true });
      await viewer.when("pen", () => viewer.hasPen);
      viewer.type("echo from-maestro-$((40+2))\r");
      await viewer.screenShows("from-maestro-42");
      expect(tmux("list-sessions", "-F", "#{window_width}x#{window_height}").trim()).toBe("90x20");
    }
    await poll("detached", () => (tmux("list-clients", "-t", "=mine").trim() === "" ? true : undefined), { everyMs: 50 });
    expect(tmux("show-options", "-t", "=mine:") + tmux("list-sessions", "-F", "#{session_name} #{window_width}x#{window_height}")).toBe(
      before,
    );
    tmux("kill-server");
  },
);
