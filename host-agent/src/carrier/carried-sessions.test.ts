/** What the control plane may ask of a remote host's sessions, with a real sshd, tmux and holder. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { expect, test, vi } from "vitest";
import { makeId, type SessionId } from "@maestro/shared/ids";
import { AGENT_READY_MS } from "@maestro/shared/limits";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { systemClock } from "../daemon/clock.ts";
import { silentLog } from "../daemon/log.ts";
import { openPolicy } from "../daemon/policy.ts";
import { sshdPath } from "../transports/ssh/testing/sshd.ts";
import { RigSession, TerminalRig } from "./testing/terminal-rig.ts";

const skip = sshdPath() === undefined;
const newId = (): SessionId => makeId("session", Date.now(), randomBytes(10));
const size = { cols: 80, rows: 24 };
const create = (more: object = {}) => ({
  t: "session.create" as const,
  id: 1,
  session: newId(),
  name: "one",
  argv: ["sh", "-c", 'echo "in $PWD as $FROM_RECORD"; exec sleep 1000'],
  env: {},
  size,
  backend: "auto" as const,
  ...more,
});
const agent = { id: "agt_one", name: "reviewer", type: "counter", workspace: "~/work", args: [], env: {} };
const definition = { slug: "counter", adapter: "custom", argv: ["sh", "-c", 'echo "I am $MAESTRO_AGENT in $PWD"; exec sleep 1000'] };
const start = (more: object = {}) => ({
  t: "agent.start" as const,
  id: 2,
  session: newId(),
  size,
  backend: "auto" as const,
  agent: { ...agent, definition, ...more },
});

function made(answer: { ok: true; value: { session: SessionInfo } } | { ok: false; error: { code: string; detail: string } }): SessionInfo {
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.detail}`);
  return answer.value.session;
}

test.skipIf(skip)(
  "a session is in the directory that was asked for, else the record's, else home, with the record's variables",
  async () => {
    await using rig = await TerminalRig.open();
    mkdirSync(path.join(rig.home, "sub"));
    const actions = await rig.actions();
    const session = new RigSession(rig, made(await actions.createSession(create({ cwd: "~/sub" }))));
    await session.shows(`in ${rig.home}/sub as yes`);
    expect(session.info).toMatchObject({ cwd: `${rig.home}/sub`, name: "one" });
    expect(session.info).not.toHaveProperty("host");
    const shell = made(await actions.createSession(create({ name: "shell", argv: [] })));
    expect(shell.command).toMatch(/^\/.* -l$/);
  },
);

test.skipIf(skip)("read, typed at, killed: there nothing is left", async () => {
  await using rig = await TerminalRig.open();
  const actions = await rig.actions();
  const { id } = made(await actions.createSession(create({ argv: ["cat"] })));
  const session = new RigSession(rig, await rig.known(id));
  expect(
    await actions.sendInput({ t: "session.input", id: 3, session: id, base64: Buffer.from("hello\r").toString("base64") }),
  ).toMatchObject({
    ok: true,
    value: { accepted: 6 },
  });
  await session.shows("hello\nhello");
  const blobs: Uint8Array[] = [];
  expect(
    await actions.readScreen({ t: "session.screen", id: 4, session: id, format: "text", blob: 1 }, (bytes) => blobs.push(bytes)),
  ).toMatchObject({
    ok: true,
  });
  expect(Buffer.concat(blobs).toString()).toContain("hello\nhello");
  expect(await actions.killSession({ t: "session.kill", id: 5, session: id, force: true })).toEqual({ ok: true, value: { killed: true } });
  expect(existsSync(path.join(rig.home, ".maestro-remote", "terminals", id))).toBe(false);
  // Once more: off the list.
  await session.ended();
  expect(await actions.killSession({ t: "session.kill", id: 6, session: id })).toEqual({ ok: true, value: { killed: false } });
});

test.skipIf(skip)("an agent starts in its workspace, made if need be, and once", async () => {
  await using rig = await TerminalRig.open();
  const actions = await rig.actions();
  const [one, two] = await Promise.all([actions.startAgent(start()), actions.startAgent(start())]);
  const session = new RigSession(rig, made(one));
  expect(two).toMatchObject({ ok: false, error: { code: "agent_running" } });
  await session.shows(`I am reviewer in ${rig.home}/work`);
  expect(session.info).toMatchObject({ agent: "agt_one", cwd: `${rig.home}/work` });
  expect(await actions.startAgent(start())).toMatchObject({ ok: false, error: { code: "agent_running" } });
});

test.skipIf(skip).each([
  ["its workspace", 1],
  ["its terminal", 2],
])(
  "an agent for which %s was not ready while it was awaited does not begin, and nor does another one while it gets ready",
  async (_what, slow) => {
    await using rig = await TerminalRig.open();
    let slept = 0;
    let scripts = 0;
    let second: ReturnType<typeof actions.startAgent> | undefined;
    const warn = vi.fn();
    const actions = await rig.actions({ clock: { ...systemClock, monotonicMs: () => slept }, log: { ...silentLog, warn } });
    const run = rig.shell.run.bind(rig.shell);
    vi.spyOn(rig.shell, "run").mockImplementation((...all) => {
      if (++scripts === slow) {
        slept = AGENT_READY_MS;
        second = actions.startAgent(start());
      }
      return run(...all);
    });
    expect(await actions.startAgent(start())).toMatchObject({ ok: false, error: { code: "timeout" } });
    expect(await second).toMatchObject({ ok: false, error: { code: "agent_running", detail: expect.stringContaining("earlier start") } });
    expect(warn.mock.calls).toEqual([[expect.any(String), expect.objectContaining({ agent: "reviewer", code: "timeout" })]]);
    expect([rig.files.sessions(), rig.keeper.sessions]).toEqual([[], []]);
    made(await actions.startAgent(start()));
  },
);

test.skipIf(skip)("what is refused is refused before anything is made", async () => {
  await using rig = await TerminalRig.open();
  const open = await rig.actions();
  expect(await open.createSession(create({ env: { LD_PRELOAD: "/x" } }))).toMatchObject({ error: { code: "env_denied" } });
  expect(await open.createSession(create({ env: { "A B": "" } }))).toMatchObject({ error: { code: "env_name_invalid" } });
  expect(await open.createSession(create({ argv: [""] }))).toMatchObject({ error: { code: "field_invalid" } });
  expect(await open.createSession(create({ cwd: "~/.maestro-remote" }))).toMatchObject({ error: { code: "path_outside_roots" } });
  expect(await open.createSession(create({ backend: "echo" }))).toMatchObject({ error: { code: "backend_unavailable" } });
  expect(await open.startAgent(start({ definition: undefined, type: "claude" }))).toMatchObject({ error: { code: "agent_cli_missing" } });
  const draining = await rig.actions({ draining: () => true });
  expect(await draining.createSession(create())).toMatchObject({ error: { code: "host_draining" } });
  const denying = await rig.actions({ policy: { ...openPolicy, shell: "deny" } });
  expect(await denying.createSession(create())).toMatchObject({ error: { code: "policy_denied" } });
  expect(await denying.startAgent(start())).toMatchObject({ error: { code: "policy_denied" } });
  expect(rig.keeper.sessions).toEqual([]);
  expect(existsSync(path.join(rig.home, "work"))).toBe(false);
  const { id } = made(await open.createSession(create()));
  await rig.known(id);
  expect(denying.refuseWatch(id)).toMatchObject({ code: "policy_denied" });
  expect(await denying.sendInput({ t: "session.input", id: 7, session: id, base64: "" })).toMatchObject({
    error: { code: "policy_denied" },
  });
});

test.skipIf(skip)("[SSH14] the program that was set for an agent is started there in the place of its type's CLI", async () => {
  await using rig = await TerminalRig.open();
  const actions = await rig.actions();
  const file = path.join(rig.home, "claude-next");
  writeFileSync(file, '#!/bin/sh\necho "I am $0 with $*"\nexec sleep 1000\n', { mode: 0o755 });
  const set = { definition: undefined, type: "claude", model: "opus" };
  const session = new RigSession(rig, made(await actions.startAgent(start({ ...set, program: "~/claude-next" }))));
  await session.shows(`I am ${file} with --model opus`);
  const none = await actions.startAgent(start({ ...set, id: "agt_two", program: "claude-nightly" }));
  expect(none).toMatchObject({ ok: false, error: { code: "agent_cli_missing", field: "binName" } });
});
