import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isId, idTime } from "@maestro/shared/ids";
import type { HolderClient } from "./client.ts";
import type { SessionInfo } from "./types.ts";
import { AMPLE, Ear, HolderFixture, value } from "./testing/fixture.ts";

let fixture: HolderFixture;
let client: HolderClient;
let ear: Ear;

/** The user's own tmux, on a default socket of this test's own. */
const user = (...args: string[]): string =>
  spawnSync("tmux", ["-f", "/dev/null", ...args], {
    encoding: "utf8",
    timeout: 10_000,
    env: { ...DESKTOP, PATH: process.env["PATH"] ?? "", HOME: homedir(), TERM: "xterm", LANG: "C.UTF-8", TMUX_TMPDIR: fixture.dir },
  }).stdout;
const userSocket = (): string => path.join(fixture.dir, `tmux-${process.getuid?.() ?? 0}`, "default");

/** Much is told only when the holder has looked again. */
const LOOKING = { lookEveryMs: 500 };

beforeEach(async () => {
  fixture = new HolderFixture();
  await fixture.start(LOOKING);
  ear = new Ear();
  client = await fixture.connect(ear);
});
afterEach(async () => {
  user("kill-server");
  await fixture.dispose();
});

/** A user at a desktop: what `update-environment` copies to a session is there. */
const DESKTOP = { SSH_AUTH_SOCK: "/run/agent", DISPLAY: ":9", XAUTHORITY: "/run/xauth", SSH_CONNECTION: "1 2 3 4" };

/** On the list, or told as soon as the holder looks again. */
async function found(): Promise<SessionInfo> {
  const theirs = ({ backend }: SessionInfo): boolean => backend === "user-tmux";
  const told = (): SessionInfo | undefined => ear.changes.flatMap(({ upsert }) => upsert).find(theirs);
  const listed = value(await client.list()).find(theirs);
  if (listed !== undefined) return listed;
  await ear.until(() => told() !== undefined);
  return told() ?? found();
}

/** Everything a guest could have changed. */
const state = (): string =>
  [
    "show-options -g",
    "show-options -s",
    "show-options -t mine",
    "show-window-options -g",
    "show-environment -g",
    "show-environment -t mine",
    "show-hooks -t mine",
    "list-sessions -F #{session_name}:#{session_path}:#{session_alerts}:#{session_group}",
    "list-windows -t mine",
    "list-panes -a -F #{pane_id}:#{pane_width}x#{pane_height}:#{pane_mode}:#{pane_active}",
  ]
    .map((command) => user(...command.split(" ")))
    .join("\n");

test("listing starts no server and makes no file", async () => {
  value(await client.list());
  expect(existsSync(path.dirname(userSocket()))).toBe(false);
});

test("the user's sessions are on the list, always under the same id, and go when they go", async () => {
  user("new-session", "-d", "-s", "mine", "-x", "101", "-y", "31", "cat");
  const session = await found();
  expect(isId("session", session.id)).toBe(true);
  expect(idTime(session.id)).toBe(session.createdMs);
  expect(session).toMatchObject({ name: "mine", backend: "user-tmux" });
  await fixture.kill("SIGKILL");
  await fixture.start(LOOKING);
  ear = new Ear();
  client = await fixture.connect(ear);
  expect((await found()).id).toBe(session.id);
  user("kill-session", "-t", "=mine");
  await ear.until(() => ear.changes.some(({ removed }) => removed.includes(session.id)));
});

test("[VW3] it can be watched and typed into at the user's size, and is left as it was found", async () => {
  user("new-session", "-d", "-s", "mine", "-n", "win", "-x", "101", "-y", "31", "sh -c 'stty size; echo theirs; exec cat'");
  user("set", "-t", "mine", "status", "off");
  user("set-hook", "-g", "client-detached", "wait-for -S left");
  const before = state();
  expect(before).toContain(`SSH_AUTH_SOCK=${DESKTOP.SSH_AUTH_SOCK}`);
  const session = await found();
  expect(Buffer.from(value(await client.screen(session.id, "text")).bytes).toString()).toContain("theirs");
  expect(user("list-clients")).toBe("");
  expect(await client.send(session.id, Buffer.from("lost"))).toMatchObject({
    error: { code: "input_refused", detail: expect.stringContaining("is not attached"), hint: expect.stringContaining("Attach") },
  });
  value(await client.subscribe(session.id, { credit: AMPLE }));
  await ear.until(() => ear.text(session.id).includes("theirs"));
  client.input(session.id, Buffer.from("typed\r"));
  await ear.until(() => ear.text(session.id).includes("typed"));
  expect(value(await client.resize(session.id, 20, 10))).toEqual({ cols: 101, rows: 31 });
  expect(user("display-message", "-p", "-t", "=mine:", "#{window_width}x#{window_height}").trim()).toBe("101x31");
  expect(user("list-clients", "-F", "#{client_flags}")).toContain("ignore-size");
  client.unsubscribe(session.id);
  user("wait-for", "left");
  expect(user("list-clients")).toBe("");
  expect(state()).toBe(before);
});

test("[VW3] when the user's window changes its size, the session follows", async () => {
  user("new-session", "-d", "-s", "mine", "-x", "90", "-y", "30", "cat");
  const session = await found();
  value(await client.subscribe(session.id, { credit: AMPLE }));
  await ear.until(() => ear.outputs.length > 0);
  user("resize-window", "-t", "=mine:", "-x", "70", "-y", "25");
  await ear.until(() =>
    ear.changes.some(({ upsert }) => upsert.some(({ id, cols, rows }) => id === session.id && cols === 70 && rows === 26)),
  );
});

test("Maestro ends none of the user's sessions, nor does its own end", async () => {
  user("new-session", "-d", "-s", "mine", "cat");
  const session = await found();
  expect(await client.kill(session.id)).toMatchObject({ ok: false, error: { code: "session_foreign" } });
  value(await client.subscribe(session.id, { credit: AMPLE }));
  await ear.until(() => ear.outputs.length > 0);
  value(await client.stop(true));
  await ear.until(() => ear.closedBecause !== undefined);
  expect(user("list-sessions", "-F", "#{session_name}")).toBe("mine\n");
});

test("a session that is renamed keeps its id, is told under its new name, and what takes the old name gets none of its keys", async () => {
  user("new-session", "-d", "-s", "mine", "sh -c 'echo first; exec cat'");
  const session = await found();
  user("rename-session", "-t", "=mine", "yours");
  user("new-session", "-d", "-s", "mine", "sh -c 'echo second; exec cat'");
  await ear.until(() => ear.changes.some(({ upsert }) => upsert.some(({ id, name }) => id === session.id && name === "yours")));
  expect(value(await client.list()).find(({ id }) => id === session.id)?.name).toBe("yours");
  value(await client.subscribe(session.id, { credit: AMPLE }));
  await ear.until(() => ear.text(session.id).includes("first"));
  client.input(session.id, Buffer.from("typed\r"));
  await ear.until(() => ear.text(session.id).includes("typed"));
  expect(user("list-clients", "-F", "#{client_session}")).toBe("yours\n");
  expect(user("capture-pane", "-p", "-t", "=mine:")).not.toContain("typed");
});

const DETACHES: readonly (readonly [string, (id: string) => void])[] = [
  ["a viewer's key", (id) => void client.input(id, Buffer.from("\x02d"))],
  ["somebody else", () => void user("detach-client", "-a", "-s", "=mine")],
];
test.each(DETACHES)(
  "a client that is detached by %s comes back, and its viewers see the session again",
  async (_by, detach) => {
    user("new-session", "-d", "-s", "mine", "sh -c 'echo theirs; exec cat'");
    const session = await found();
    value(await client.subscribe(session.id, { credit: AMPLE }));
    await ear.until(() => ear.text(session.id).includes("theirs"));
    detach(session.id);
    const after = (): string => ear.text(session.id).split("[detached (from session mine)]")[1] ?? "";
    await ear.until(() => after().includes("theirs"));
    client.input(session.id, Buffer.from("typed\r"));
    await ear.until(() => after().includes("typed"));
    expect(user("list-clients").trim().split("\n")).toHaveLength(1);
  },
  30_000,
);

test.each(["on", "off"])(
  "a session that ends while it is watched ends for its viewers, with detach-on-destroy %s",
  async (option) => {
    user("new-session", "-d", "-s", "mine", "cat");
    user("set", "-g", "detach-on-destroy", option);
    const session = await found();
    user("new-session", "-d", "-s", "other", "sh -c 'echo secret; exec cat'");
    user("set-hook", "-g", "client-detached", "wait-for -S left");
    value(await client.subscribe(session.id, { credit: AMPLE }));
    await ear.until(() => ear.outputs.length > 0);
    user("kill-session", "-t", "=mine");
    await ear.ended(session.id);
    const told = ear.changes.flatMap(({ upsert }) => upsert).findLast(({ id }) => id === session.id);
    expect(told?.end?.reason).toBe("exited");
    // The client that tmux moved to another session is taken back.
    if (option === "off") user("wait-for", "left");
    expect(user("list-clients")).toBe("");
    client.unsubscribe(session.id);
    await ear.until(() => ear.changes.some(({ removed }) => removed.includes(session.id)));
  },
  30_000,
);
