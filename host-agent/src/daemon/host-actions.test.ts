import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../config/env.ts";
import { FakeRelay } from "./testing/fake-relay.ts";
import { joinedHome, startTestAgent, testLog } from "./testing/host-home.ts";
import { MemoryHolder } from "./testing/memory-holder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const SESSION = "ses_01j9zzzzzzzzzzzzzzzzzzzzzz";
const OTHER = "ses_01j9zzzzzzzzzzzzzzzzzzzzzy";
const SIZE = { cols: 80, rows: 24 };

async function setUp(policy?: string) {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  if (policy !== undefined) writeFileSync(home.paths.policyFile, policy, { mode: 0o600 });
  const kilo = path.join(home.dir, "my-kilo");
  writeFileSync(kilo, "#!/bin/sh\necho 1.2.3\n");
  chmodSync(kilo, 0o755);
  mkdirSync(path.join(home.paths.home, "agents.d"));
  const holder = new MemoryHolder();
  const warnings: object[] = [];
  const log = { ...testLog, warn: (message: string, fields = {}) => void warnings.push({ message, ...fields }) };
  const agent = startTestAgent(home.paths, holder.open, { ...DEFAULT_SETTINGS, timeScale: 0.1, kilocodeBin: kilo }, log);
  undo.push(() => agent.stop());
  const link = await relay.link(0);
  const work = path.join(realpathSync(home.dir), "work");
  const start = (more: object = {}, session = SESSION) =>
    link.request({
      t: "agent.start",
      id: link.nextId(),
      session,
      agent: { id: "agt_1", name: "rev", type: "kilo", workspace: work, args: [], env: {}, ...more },
      size: SIZE,
      backend: "auto",
    });
  const create = (more: object = {}) =>
    link.request({
      t: "session.create",
      id: link.nextId(),
      session: SESSION,
      name: "n",
      argv: ["top"],
      env: {},
      size: SIZE,
      backend: "auto",
      ...more,
    });
  return { relay, home, holder, link, work, kilo, start, create, warnings };
}

test("an agent starts in its workspace, which is made for it, with its adapter's argv", async () => {
  const { holder, start, work, kilo } = await setUp();
  expect(await start({ model: "m/1", args: ["--x"], env: { A: "1" } })).toMatchObject({ t: "reply", value: { session: { id: SESSION } } });
  expect(holder.created).toMatchObject([
    { id: SESSION, name: "rev", argv: [kilo, "--model", "m/1", "--x"], cwd: work, agent: "agt_1", env: { A: "1", MAESTRO_AGENT: "rev" } },
  ]);
  expect(statSync(work).mode & 0o777).toBe(0o700);
});

test("an agent runs in one session only, also when it is started twice at once", async () => {
  const { holder, start, link } = await setUp();
  const both = await Promise.all([start(), start({}, OTHER)]);
  expect(both.map(({ t }) => t).toSorted()).toEqual(["reply", "reply-error"]);
  expect(both.find(({ t }) => t === "reply-error")).toMatchObject({ error: { code: "agent_running" } });
  const [running = ""] = holder.sessions.keys();
  const again = await start({}, running === SESSION ? OTHER : SESSION);
  expect(again).toMatchObject({ t: "reply-error", error: { code: "agent_running", detail: expect.stringContaining(running) } });
  expect(holder.created).toHaveLength(1);

  await link.request({ t: "session.kill", id: link.nextId(), session: running });
  expect(await start({}, running === SESSION ? OTHER : SESSION)).toMatchObject({ t: "reply" });
});

test("a session that somebody gave the agent's name does not keep the agent from starting", async () => {
  const { holder, start, create } = await setUp();
  expect(await create({ session: OTHER, name: "rev" })).toMatchObject({ t: "reply", value: { session: { name: "rev" } } });
  expect(await start()).toMatchObject({ t: "reply", value: { session: { id: SESSION, name: "rev-2" } } });
  expect(holder.created).toHaveLength(2);
});

test("a type of agents.d is used as soon as its file is there, with its template copied into a new workspace", async () => {
  const { home, holder, start, work, kilo } = await setUp();
  const template = path.join(home.dir, "template");
  mkdirSync(template);
  writeFileSync(path.join(template, "README"), "hi");
  writeFileSync(
    path.join(home.paths.home, "agents.d/reviewer.yaml"),
    `slug: reviewer\nmode: code-reviewer\nworkspace_template: ${template}\nenv: { LOG: debug }\n`,
  );
  expect(await start({ type: "reviewer" })).toMatchObject({ t: "reply" });
  expect(holder.created).toMatchObject([{ argv: [kilo, "--agent", "code-reviewer"], env: { LOG: "debug" } }]);
  expect(readFileSync(path.join(work, "README"), "utf8")).toBe("hi");
});

const BOXED = { slug: "a", adapter: "kilo", isolate_with: "docker", image: "node:24-slim" };
test.each<[string, object, string]>([
  ["a type nobody knows", { type: "klio" }, "agent_type_not_found"],
  ["a CLI that is not installed", { type: "amp" }, "agent_cli_missing"],
  ["a workspace outside the roots", { workspace: "/etc/x" }, "path_outside_roots"],
  ["a relative workspace", { workspace: "x" }, "path_outside_roots"],
  ["a denied variable", { env: { LD_PRELOAD: "x" } }, "env_denied"],
  ["a denied variable in a container", { definition: BOXED, env: { LD_PRELOAD: "x" } }, "env_denied"],
  ["a container that would see Maestro's own directories", { definition: BOXED, workspace: tmpdir() }, "path_outside_roots"],
  ["a definition of nonsense", { definition: { slug: "a", bogus: true } }, "agent_type_invalid"],
])("%s is refused, and nothing is made or started", async (_what, more, code) => {
  const { holder, start, work } = await setUp();
  expect(await start(more)).toMatchObject({ t: "reply-error", error: { code } });
  expect(holder.created).toHaveLength(0);
  expect(existsSync(work)).toBe(false);
});

test("a session of a type whose file asks for a container is not started without one", async () => {
  const { home, holder, start, warnings } = await setUp();
  const file = path.join(home.paths.home, "agents.d/boxed.yaml");
  writeFileSync(file, "slug: boxed\nadapter: kilo\nisolate_with: docker\nimage: nowhere/none:1\n");
  // Whichever is missing here: an engine, that it runs, or the image.
  expect(await start({ type: "boxed" })).toMatchObject({ t: "reply-error", error: { code: expect.stringMatching(/^container_/) } });
  expect(holder.created).toHaveLength(0);
  writeFileSync(file, "slug: boxed\nadapter: kilo\nisolate_with: none\n");
  expect(await start({ type: "boxed" })).toMatchObject({ t: "reply" });
  expect(warnings).not.toContainEqual(expect.objectContaining({ slug: "boxed" }));
});

test("an agent whose limits are not applied starts, and the log says so", async () => {
  const { start, warnings } = await setUp();
  const definition = { slug: "small", adapter: "kilo", resource_limits: { memory: "1g" } };
  expect(await start({ type: "small", definition })).toMatchObject({ t: "reply" });
  expect(warnings).toContainEqual({
    message: expect.stringContaining("not applied"),
    agent: "rev",
    slug: "small",
    keys: "resource_limits",
  });
});

test.each<[string, object, string]>([
  ["a working directory outside the roots", { cwd: "/etc" }, "path_outside_roots"],
  ["the daemon's own directory", { cwd: "HOME" }, "path_outside_roots"],
  ["a denied variable", { env: { NODE_OPTIONS: "x" } }, "env_denied"],
  ["an id that is none", { session: "ses_x" }, "field_invalid"],
])("a session with %s is refused", async (_what, more, code) => {
  const { home, holder, create } = await setUp();
  const filled = JSON.parse(JSON.stringify(more).replace("HOME", home.paths.hostDir));
  expect(await create(filled)).toMatchObject({ t: "reply-error", error: { code } });
  expect(holder.created).toHaveLength(0);
});

describe("`shell: deny`", () => {
  test.each<[string, object, string]>([
    ["a shell", { type: "shell" }, "type"],
    ["a command as a shell's arguments", { type: "shell", args: ["sh", "-c", "id"] }, "type"],
    ["a type with a command of its own", { type: "x", definition: { slug: "x", adapter: "custom", argv: ["/bin/sh"] } }, "type"],
    ["a known CLI defined elsewhere", { type: "x", definition: { slug: "x", adapter: "kilo", permissions: "full" } }, "type"],
    ["an argument", { args: ["--settings", '{"hooks":{}}'] }, "args"],
    ["a variable", { env: { EDITOR: "sh" } }, "env.EDITOR"],
    ["a model that is a flag", { model: "--yolo" }, "model"],
  ])("starts no agent with %s", async (_what, more, field) => {
    const { holder, start, work } = await setUp("shell: deny\n");
    expect(await start(more)).toMatchObject({ t: "reply-error", error: { code: "policy_denied", field } });
    expect(holder.created).toHaveLength(0);
    expect(existsSync(work)).toBe(false);
  });

  test("opens no session", async () => {
    const { holder, create } = await setUp("shell: deny\n");
    expect(await create()).toMatchObject({ error: { code: "policy_denied" } });
    expect(holder.created).toHaveLength(0);
  });

  test("lets nobody at a shell that runs already, and at agents as ever", async () => {
    const { holder, link, start } = await setUp("shell: deny\n");
    holder.add("ses_users");
    const watch = (session: string) => link.request({ t: "watch", id: link.nextId(), session });
    const type = (session: string) => link.request({ t: "session.input", id: link.nextId(), session, base64: "aWQK" });
    const read = (session: string) => link.request({ t: "session.screen", id: link.nextId(), session, format: "text", blob: 7 });
    expect(await watch("ses_users")).toMatchObject({ error: { code: "policy_denied" } });
    expect(await read("ses_users")).toMatchObject({ error: { code: "policy_denied" } });
    expect(await type("ses_users")).toMatchObject({ error: { code: "policy_denied" } });
    expect(holder.inputs).toHaveLength(0);
    await start();
    expect(await watch(SESSION)).toMatchObject({ t: "reply" });
    expect(await read(SESSION)).toMatchObject({ t: "reply" });
    expect(await type(SESSION)).toMatchObject({ value: { accepted: 3 } });
  });

  test("leaves agents as the host knows them, its own custom types included", async () => {
    const { home, holder, start, kilo } = await setUp("shell: deny\n");
    writeFileSync(
      path.join(home.paths.home, "agents.d/mine.yaml"),
      "slug: mine\nadapter: custom\nargv: [/bin/cat, '{{workspace}}']\nenv: { A: b }\n",
    );
    expect(await start({ model: "m/1" })).toMatchObject({ t: "reply" });
    expect(await start({ type: "mine", id: "agt_2" })).toMatchObject({ error: { code: "session_exists" } });
    expect(holder.created).toMatchObject([{ argv: [kilo, "--model", "m/1"] }, { argv: ["/bin/cat", expect.any(String)], env: { A: "b" } }]);
  });
});

test("a narrowed policy is told in hello, and sessions start inside it", async () => {
  const { link, create, holder } = await setUp("roots: [/srv]\n");
  const hello = await link.frame("hello");
  expect(hello.roots).toEqual(["/srv"]);
  expect(hello.policyDigest).toMatch(/^[0-9a-f]{64}$/);
  expect(await create()).toMatchObject({ t: "reply" });
  expect(holder.created).toMatchObject([{ cwd: "/srv" }]);
});

test("a draining host refuses new sessions and keeps those it has", async () => {
  const { link, create, start, holder } = await setUp();
  holder.add("ses_old");
  link.send({ t: "drain", draining: true });
  expect(await create()).toMatchObject({ error: { code: "host_draining" } });
  expect(await start()).toMatchObject({ error: { code: "host_draining" } });
  expect(await link.request({ t: "watch", id: link.nextId(), session: "ses_old" })).toMatchObject({ t: "reply" });
  link.send({ t: "drain", draining: false });
  expect(await create()).toMatchObject({ t: "reply" });
});

test("[VR3] a screen comes as blob frames before its answer", async () => {
  const { link, holder } = await setUp();
  holder.add("ses_a");
  holder.screen = Buffer.alloc(300_000, 65);
  const reply = await link.request({ t: "session.screen", id: 90, session: "ses_a", format: "text", blob: 90 });
  expect(reply).toMatchObject({ t: "reply", value: { bytes: 300_000 } });
  const blobs = link.data(90);
  expect(blobs.map(({ kind }) => kind)).toEqual(["blob", "blob"]);
  expect(blobs.map(({ flags }) => flags & 1)).toEqual([0, 1]);
  expect(link.received.findLastIndex((entry) => entry.type === "data")).toBeLessThan(
    link.received.findIndex((entry) => entry.type === "control" && entry.frame.t === "reply" && entry.frame.id === 90),
  );
});

test("input by request arrives as its bytes; a session is killed, by force when asked to", async () => {
  const { link, holder } = await setUp();
  holder.add("ses_a");
  const base64 = Buffer.from([0, 255, 10]).toString("base64");
  expect(await link.request({ t: "session.input", id: link.nextId(), session: "ses_a", base64 })).toMatchObject({ value: { accepted: 3 } });
  expect(holder.inputs[0]?.bytes).toEqual(Buffer.from([0, 255, 10]));
  expect(await link.request({ t: "session.kill", id: link.nextId(), session: "ses_a" })).toMatchObject({ value: { killed: true } });
  expect(await link.request({ t: "session.kill", id: link.nextId(), session: "ses_a", force: true })).toMatchObject({
    value: { killed: true },
  });
  expect(holder.killed).toEqual([
    { session: "ses_a", force: false },
    { session: "ses_a", force: true },
  ]);
  expect(await link.request({ t: "session.kill", id: link.nextId(), session: "ses_none" })).toMatchObject({
    error: { code: "session_not_found" },
  });
});

test("a holder that went is found again, and the session can be watched", async () => {
  const { link, holder } = await setUp();
  holder.add("ses_a");
  holder.drop();
  const during = await link.request({ t: "watch", id: link.nextId(), session: "ses_a" });
  if (during.t === "reply-error") expect(during.error.code).toBe("backend_unavailable");
  await link.until(() => (holder.connected ? true : undefined), "the new connection");
  expect(await link.request({ t: "watch", id: link.nextId(), session: "ses_a" })).toMatchObject({ t: "reply" });
});

test("[SKILL9] an agent's workspace is reset from its type as its file says now, once nothing works there", async () => {
  const { home, start, link, work } = await setUp();
  const type = path.join(home.paths.home, "agents.d/reviewer.yaml");
  const template = path.join(home.dir, "template");
  mkdirSync(template);
  writeFileSync(path.join(template, "README"), "hi");
  writeFileSync(type, "slug: reviewer\nadapter: kilo\n");
  const reset = (more: object = {}) =>
    link.request({ t: "workspace.reset", id: link.nextId(), path: work, agent: { id: "agt_1", name: "rev", type: "reviewer", ...more } });
  expect(await start({ type: "reviewer" })).toMatchObject({ t: "reply" });
  writeFileSync(path.join(work, "mine"), "1");
  expect(await reset()).toMatchObject({
    t: "reply-error",
    error: { code: "workspace_busy", detail: expect.stringContaining("rev works there") },
  });
  expect(existsSync(path.join(work, "mine"))).toBe(true);
  await link.request({ t: "session.kill", id: link.nextId(), session: SESSION });
  writeFileSync(type, `slug: reviewer\nadapter: kilo\nworkspace_template: ${template}\n`);
  expect(await reset({ type: "nobody" })).toMatchObject({ error: { code: "agent_type_not_found" } });
  expect(await reset()).toMatchObject({ t: "reply", value: { path: work, removed: 1, template } });
  expect(readFileSync(path.join(work, "README"), "utf8")).toBe("hi");
  expect(existsSync(path.join(work, "mine"))).toBe(false);
});

test("[SKILL9] with `shell: deny` a definition from elsewhere empties no workspace", async () => {
  const { link, work } = await setUp("shell: deny\n");
  mkdirSync(work);
  const agent = { id: "agt_1", name: "rev", type: "x", definition: { slug: "x", adapter: "kilo" } };
  expect(await link.request({ t: "workspace.reset", id: link.nextId(), path: work, agent })).toMatchObject({
    t: "reply-error",
    error: { code: "policy_denied", field: "type" },
  });
});
