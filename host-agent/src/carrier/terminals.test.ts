/** Terminals of a remote host through a real sshd, with tmux there and without. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { sshdPath } from "../transports/ssh/testing/sshd.ts";
import { readStat } from "../holder/processes.ts";
import { HOST, TerminalRig } from "./testing/terminal-rig.ts";

const there = sshdPath() !== undefined;

describe.skipIf(!there).each([
  ["with tmux there", true],
  ["without tmux there", false],
])("%s", (_name, tmux) => {
  test("what is typed goes there and its answer comes back, in the size of the terminal", async () => {
    await using rig = await TerminalRig.open({ tmux });
    const session = await rig.session(["/bin/sh"], { env: { PS1: "> ", GREETING: "it's 'quoted' $HOME" } });
    expect(session.info).toMatchObject({ cwd: rig.home, command: "/bin/sh", backend: "pty" });
    session.type('stty size; echo "$GREETING"; pwd\r');
    const text = await session.shows("its home\n");
    expect(text).toContain("24 80");
    expect(text).toContain("it's 'quoted' $HOME");
    await session.resize(101, 31);
    // tmux takes its time with a new size.
    session.type("while :; do stty size; sleep 0.1; done\r");
    await session.shows("31 101");
  });

  test("its exit code is the session's, and its last words stay on the screen", async () => {
    await using rig = await TerminalRig.open({ tmux });
    const session = await rig.session(["sh", "-c", "echo last words; exit 7"]);
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 7 });
    const text = await session.shows("last words");
    expect(text).not.toContain("[");
  });

  test("a directory or a program that is not there is told before anything is shown", async () => {
    await using rig = await TerminalRig.open({ tmux });
    expect(await rig.tryOpen(["sh"], { cwd: "/nowhere" })).toMatchObject({ error: { code: "remote_directory_missing", field: "cwd" } });
    expect(await rig.tryOpen(["no-such-program"])).toMatchObject({ error: { code: "spawn_failed", field: "argv.0" } });
    expect(rig.keeper.sessions).toEqual([]);
    expect(rig.files.sessions()).toEqual([]);
  });

  test("a kill ends its programs there, deaf ones too, and leaves nothing", async () => {
    await using rig = await TerminalRig.open({ tmux });
    const session = await rig.session(["sh", "-c", `trap '' HUP TERM; echo $$ >"${rig.home}/pid"; echo up; while :; do sleep 1; done`]);
    await session.shows("up");
    const pid = Number(readFileSync(path.join(rig.home, "pid"), "utf8"));
    await session.kill();
    expect(await session.ended()).toMatchObject({ reason: "killed" });
    expect(await rig.terminals.end(session.info.id, false)).toMatchObject({ ok: true });
    expect([undefined, "Z"]).toContain(readStat(pid)?.state);
    expect(readdirSync(path.join(rig.home, ".maestro-remote", "terminals"))).toEqual([]);
    expect(rig.files.sessions()).toEqual([]);
  });
});

describe.skipIf(!there)("a line that breaks", () => {
  test("with tmux there the program goes on, is found again, and has run once", async () => {
    await using rig = await TerminalRig.open();
    const gate = path.join(rig.home, "gate");
    const session = await rig.session([
      "sh",
      "-c",
      `echo ran >>"${rig.home}/ran"; echo before; until [ -e '${gate}' ]; do sleep 0.05; done; echo after; read -r line; echo "got $line"; exit 3`,
    ]);
    await session.shows("before");
    await rig.cut(true);
    await session.shows("The connection to gpu is lost");
    writeFileSync(gate, "");
    await rig.mend();
    await session.shows("after");
    session.type("it\r");
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 3 });
    await session.shows("got it");
    expect(readFileSync(path.join(rig.home, "ran"), "utf8")).toBe("ran\n");
  });

  test("a program that ended meanwhile is told with its last screen and its code", async () => {
    await using rig = await TerminalRig.open();
    const gate = path.join(rig.home, "gate");
    const session = await rig.session(["sh", "-c", `echo before; until [ -e '${gate}' ]; do sleep 0.05; done; echo the end; exit 4`]);
    await session.shows("before");
    await rig.cut(true);
    await session.shows("is lost");
    writeFileSync(gate, "");
    const told = path.join(rig.home, ".maestro-remote", "terminals", session.info.id, "exit");
    await expect.poll(() => existsSync(told), { timeout: 10_000 }).toBe(true);
    await rig.mend();
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 4 });
    await session.shows("the end");
  });

  test("a machine that was started anew is told as such, and the program is not started again", async () => {
    await using rig = await TerminalRig.open();
    const session = await rig.session(["sh", "-c", `echo ran >>"${rig.home}/ran"; echo before; exec sleep 1000`]);
    await session.shows("before");
    await rig.cut(true);
    rig.tmux("kill-server");
    await rig.mend();
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 255 });
    await session.shows("how it ended is not known");
    expect(readFileSync(path.join(rig.home, "ran"), "utf8")).toBe("ran\n");
  });

  test("without tmux there the session ends, and says what would have kept it", async () => {
    await using rig = await TerminalRig.open({ tmux: false });
    const session = await rig.session(["sh", "-c", "echo before; exec sleep 1000"]);
    await session.shows("before");
    await rig.cut(false);
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 255 });
    await session.shows(/Where tmux is\s+installed, programs go on/);
  });
});

test.skipIf(!there)("what a session that ended here has left there is swept away, and what lives is left alone", async () => {
  await using rig = await TerminalRig.open();
  const [dead, alive] = [await rig.session(["sleep", "1000"]), await rig.session(["sh", "-c", "echo up; exec sleep 1000"])];
  await alive.shows("up");
  await dead.kill(true);
  await dead.ended();
  await rig.terminals.sweep();
  expect(rig.files.sessions()).toEqual([alive.info.id]);
  expect(rig.tmux("list-sessions", "-F", "#{session_name}").trim()).toBe(alive.info.id);
});

test.skipIf(!there)("without tmux between, every byte comes through as it is, both ways", async () => {
  await using rig = await TerminalRig.open({ tmux: false });
  const bytes = randomBytes(256 * 1024);
  const script = `stty raw -echo; echo ready; head -c ${bytes.length} | sha256sum; seq 1 50000; printf 'a\\nb\\r\\tc'; echo over; sleep 1000`;
  const session = await rig.session(["sh", "-c", script]);
  await session.shows("ready");
  await session.watch();
  session.type(bytes);
  await rig.ear.until(() => rig.ear.text(session.info.id).includes("over"));
  const lines = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("");
  const hash = createHash("sha256").update(bytes).digest("hex");
  expect(rig.ear.text(session.info.id).replace(/^[^]*?ready\n/, "")).toBe(`${hash}  -\n${lines}a\nb\r\tcover\n`);
});

test.skipIf(!there)("sessions there and sessions here are lists of their own, with names of their own", async () => {
  await using rig = await TerminalRig.open();
  const remote = await rig.session(["sleep", "1000"], { name: "build" });
  expect(await rig.tryOpen(["sleep", "1000"], { name: "build" })).toMatchObject({ error: { code: "session_exists" } });
  const holder = rig.keeper.client();
  if (!holder.ok) throw new Error(holder.error.detail);
  const id = makeId("session", Date.now(), randomBytes(10));
  const own = await holder.value.create({ id, name: "build", argv: ["sleep", "1000"], env: {}, cols: 80, rows: 24, backend: "pty" });
  expect(own).toMatchObject({ ok: true, value: { name: "build" } });
  const listed = await holder.value.list();
  expect(listed.ok && listed.value.map((one) => [one.id, one.host])).toEqual([
    [remote.info.id, HOST],
    [id, undefined],
  ]);
  expect(rig.keeper.sessions.map((one) => one.id)).toEqual([remote.info.id]);
  await holder.value.kill(id, true);
});
