import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  createReadStream,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { HOLDER_ENTRY } from "../daemon/testing/programs.ts";
import { connectHolder } from "./connect.ts";
import { encodeControlMessage, MessageReader } from "./framing.ts";
import { readStat } from "./processes.ts";
import { ensureHolder } from "./spawn.ts";
import { launch } from "./testing/backend-contract.ts";
import { whenFile } from "./testing/file-watch.ts";
import { AMPLE, Ear, HolderFixture, spec, value } from "./testing/fixture.ts";

const fixtures: HolderFixture[] = [];
const make = (): HolderFixture => {
  const fixture = new HolderFixture();
  fixtures.push(fixture);
  return fixture;
};
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.dispose();
});

const sh = (script: string): string[] => ["/bin/sh", "-c", script];

describe("[VW6] the holder is killed", () => {
  test("tmux sessions come back with screen, history and a new epoch; PTY sessions end with their reason", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const kept = await launch(client, {
      backend: "tmux",
      name: "kept one",
      agent: "agt_1",
      cwd: "/usr",
      cols: 90,
      rows: 20,
      argv: sh(
        "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; printf '\\033[1;32mgreen\\033[0m>'; read x; echo got $x; read y",
      ),
    });
    const lost = await launch(client, { backend: "pty", argv: sh("trap '' HUP; echo up; while :; do sleep 0.05; done") });
    const done = await launch(client, { backend: "pty", argv: sh("exit 4") });
    await ear.until(() => ear.text(kept.id).includes(">") && ear.text(lost.id).includes("up"));
    await ear.ended(done.id);
    // The registry settles; the straggler's pid is in it.
    await whenFile(fixture.paths.registry, (text) => text?.includes(done.id) === true && text.includes('"code":4'));
    const leader = Number(/"leader":\{"pid":(\d+)/.exec(readFileSync(fixture.paths.registry, "utf8"))?.[1]);
    expect(readStat(leader)).toBeDefined();
    await fixture.kill("SIGKILL");
    await ear.until(() => ear.closedBecause !== undefined);

    await fixture.start();
    const again = new Ear();
    const second = await fixture.connect(again);
    const listed = value(await second.list());
    const back = listed.find(({ id }) => id === kept.id);
    expect(back).toMatchObject({
      name: "kept one",
      agent: "agt_1",
      cols: 90,
      rows: 20,
      cwd: "/usr",
      backend: "tmux",
      createdMs: kept.createdMs,
    });
    expect(back?.end).toBeUndefined();
    expect(back?.epoch).not.toBe(kept.epoch);
    expect(listed.find(({ id }) => id === lost.id)?.end).toMatchObject({ reason: "holder_lost" });
    expect(listed.find(({ id }) => id === done.id)?.end).toMatchObject({ reason: "exited", code: 4 });
    expect(readStat(leader)?.state ?? "Z").toBe("Z");

    // What the old epoch called offset 0 is nothing now.
    expect(value(await second.subscribe(kept.id, { from: { epoch: kept.epoch, offset: 0 }, credit: AMPLE }))).toMatchObject({
      resumed: false,
      epoch: back?.epoch,
    });
    value(await second.snapshot(kept.id, { lines: 500 }));
    const text = Buffer.from(again.snapshots[0]?.bytes ?? []).toString();
    for (const line of ["line 0\r\n", "line 100\r\n", "line 199\r\n", "green"]) expect(text).toContain(line);
    expect(text).toContain("\x1b[0;1;32mgreen");
    expect(
      Buffer.from(value(await second.screen(kept.id, "text")).bytes)
        .toString()
        .trimEnd()
        .endsWith("green>"),
    ).toBe(true);
    second.input(kept.id, Buffer.from("hello\r"));
    await again.until(() => again.text(kept.id).includes("got hello"));
    expect(again.outputs[0]?.offset).toBe(0);
    second.input(kept.id, Buffer.from("\r"));
    await again.ended(kept.id);
    expect(value(await second.list()).find(({ id }) => id === kept.id)?.end).toMatchObject({ reason: "exited", code: 0 });
  }, 60_000);

  test("a program that ended meanwhile is told with its code; tmux alone is enough when the registry is gone", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const flag = path.join(fixture.dir, "go");
    const life = lifeline(fixture);
    const ends = await launch(client, {
      backend: "tmux",
      name: "ends",
      argv: sh(`exec 9>${life.path}; while [ ! -e ${flag} ]; do sleep 0.02; done; echo last words; exit 9`),
    });
    const died = life.ended();
    const stays = await launch(client, { backend: "tmux", name: "stays", argv: sh("echo here; read x") });
    await ear.until(() => ear.text(stays.id).includes("here"));
    await fixture.kill("SIGKILL");
    writeFileSync(flag, "");
    rmSync(fixture.paths.registry, { force: true });
    await died;

    await fixture.start();
    const again = new Ear();
    const second = await fixture.connect(again);
    // tmux may have missed how it ended; then the new holder makes it look.
    const ended = value(await second.list()).some(({ id, end }) => id === ends.id && end !== undefined);
    if (!ended) await again.ended(ends.id);
    const listed = value(await second.list());
    expect(listed.find(({ id }) => id === stays.id)).toMatchObject({ name: "stays" });
    expect(listed.find(({ id }) => id === ends.id)).toMatchObject({ name: "ends", end: { reason: "exited", code: 9 } });
    expect(Buffer.from(value(await second.screen(ends.id, "text")).bytes).toString()).toContain("last words");
  });

  test("[F36] a corrupt registry is told and stops nothing", async () => {
    const fixture = make();
    writeFileSync(fixture.paths.registry, '{"version":1,"boo');
    await fixture.start();
    const client = await fixture.connect();
    expect(client.facts.warnings).toMatchObject([{ code: "registry_corrupt" }]);
    value(await client.create(spec({ backend: "echo" })));
  });

  test("the tmux server is killed: its sessions end as server_lost, and the next one starts anew", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const { id } = await launch(client, { backend: "tmux", argv: sh("echo up; read x") });
    await ear.until(() => ear.text(id).includes("up"));
    process.kill(Number(tmux(fixture, "display-message", "-p", "#{pid}")), "SIGKILL");
    await ear.ended(id);
    expect(value(await client.list()).find((info) => info.id === id)?.end).toMatchObject({ reason: "server_lost" });
    const next = await launch(client, { backend: "tmux", argv: sh("echo anew; read x") });
    await ear.until(() => ear.text(next.id).includes("anew"));
  });

  test("[CH1] a control client that is dropped comes back in a new epoch, on the same screen", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const { id, epoch } = await launch(client, { backend: "tmux", argv: sh("echo before; read x; echo after $x; read x") });
    await ear.until(() => ear.text(id).includes("before"));
    tmux(fixture, "detach-client", "-s", `=${id}`);
    await ear.until(() => ear.epochs.length === 1);
    expect(ear.epochs[0]).toMatchObject({ session: id, epoch: epoch + 1, offset: 0 });
    client.grant(id, { epoch: epoch + 1, upTo: AMPLE });
    client.input(id, Buffer.from("all\r"));
    await ear.until(() => ear.text(id).includes("after all"));
    expect(Buffer.from(value(await client.screen(id, "text")).bytes).toString()).toBe("before\nall\nafter all\n");
  });
});

describe("beginning and end", () => {
  test("any number may ask for a holder at once: they share one, which outlives them and ends when idle", async () => {
    const fixture = make();
    const argv = [process.execPath, HOLDER_ENTRY, fixture.paths.home, fixture.runDir, "300"];
    const clients = await Promise.all(Array.from({ length: 5 }, async () => value(await ensureHolder(fixture.paths, argv, new Ear()))));
    const pids = new Set(clients.map(({ facts }) => facts.pid));
    expect(pids.size).toBe(1);
    const [pid = 0] = pids;
    // Detached, in a session of its own, at home nowhere.
    expect(readStat(pid)?.session).toBe(pid);
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("VITEST");
    const first = clients[0];
    value((await first?.create(spec({ backend: "echo", name: "lives" }))) ?? { ok: false, error: { code: "internal", detail: "" } });
    const session = value((await first?.list()) ?? { ok: true, value: [] })[0]?.id ?? "";
    for (const client of clients) client.close();
    const again = value(await ensureHolder(fixture.paths, argv, new Ear()));
    expect(again.facts.pid).toBe(pid);
    value(await again.kill(session));
    again.close();
    await whenFile(fixture.paths.lock, (text) => text === undefined);
    expect(readFileSync(fixture.paths.log, "utf8")).toContain("holder ends");
  });

  test("one that ends takes in nobody more, and whoever asks meanwhile gets the next one", async () => {
    const fixture = make();
    const { registry, log, lock } = fixture.paths;
    const argv = [process.execPath, HOLDER_ENTRY, fixture.paths.home, fixture.runDir];
    const first = value(await ensureHolder(fixture.paths, argv, new Ear()));
    // What it writes at its end waits for a reader.
    const fifo = path.join(fixture.dir, "fifo");
    spawnSync("mkfifo", [fifo]);
    linkSync(fifo, `${registry}.tmp`);
    process.kill(first.facts.pid, "SIGTERM");
    await whenFile(log, (text) => text?.includes("holder ends") === true);
    expect(await connectHolder(fixture.paths, new Ear())).toMatchObject({ ok: false, error: { code: "not_running" } });
    const codes = path.join(fixture.dir, "codes");
    const noting = ["/bin/sh", "-c", '"$@"; code=$?; echo "$code" >>"$0"; exit "$code"', codes];
    const asked = ensureHolder(fixture.paths, [...noting, ...argv], new Ear());
    await whenFile(codes, (text) => text === "0\n");
    readFileSync(fifo);
    rmSync(`${registry}.tmp`);
    const next = value(await asked);
    expect(next.facts.pid).not.toBe(first.facts.pid);
    value(await next.stop(true));
    await whenFile(lock, (text) => text === undefined);
  });

  test("one that ends does not wait for a client that neither reads nor goes", async () => {
    const fixture = make();
    await fixture.start();
    const socket = createConnection({ path: fixture.paths.socket, allowHalfOpen: true });
    socket.write(encodeControlMessage({ t: "hello", id: 1, versions: { min: 1, max: 9 } }));
    await once(socket, "data");
    process.kill(fixture.pid, "SIGTERM");
    await whenFile(fixture.paths.lock, (text) => text === undefined);
    socket.destroy();
  });

  test("a holder that cannot be started is refused by name", async () => {
    const fixture = make();
    expect(await ensureHolder(fixture.paths, ["/no/such/node"], new Ear())).toMatchObject({ ok: false, error: { code: "spawn_failed" } });
    expect(await ensureHolder(fixture.paths, ["/bin/false"], new Ear())).toMatchObject({
      ok: false,
      error: { code: "internal", hint: expect.stringContaining(fixture.paths.log) },
    });
  });

  test("a stale socket and a stale lock are in nobody's way", async () => {
    const fixture = make();
    await fixture.start();
    await fixture.kill("SIGKILL");
    expect(statSync(fixture.paths.socket).isSocket()).toBe(true);
    await fixture.start();
    expect((await fixture.connect()).facts.pid).toBe(fixture.pid);
  });

  test("a home that was copied gets a holder of its own at once, and the sessions of the other one go on", async () => {
    const original = make();
    await original.start();
    const ear = new Ear();
    const client = await original.connect(ear);
    const { id } = await launch(client, { argv: sh("echo up; read x; echo got $x; read y") });
    await ear.until(() => ear.text(id).includes("up"));
    await whenFile(original.paths.registry, (text) => text?.includes('"leader"') === true);
    const copy = make();
    cpSync(original.paths.home, copy.paths.home, { recursive: true });
    await copy.start();
    const second = await copy.connect();
    expect(value(await second.list())).toMatchObject([{ id, end: { reason: "holder_lost" } }]);
    expect(second.facts.pid).not.toBe(client.facts.pid);
    client.input(id, Buffer.from("hello\r"));
    await ear.until(() => ear.text(id).includes("got hello"));
  });

  test("the socket is its owner's alone", async () => {
    const fixture = make();
    chmodSync(fixture.runDir, 0o755);
    await fixture.start();
    expect(statSync(fixture.paths.socket).mode & 0o777).toBe(0o600);
    expect(statSync(fixture.runDir).mode & 0o777).toBe(0o700);
  });

  test("it stops when asked: not over living sessions, unless forced", async () => {
    const fixture = make();
    await fixture.start();
    const client = await fixture.connect();
    value(await client.create(spec({ argv: sh("read x") })));
    expect(await client.stop(false)).toMatchObject({ ok: false, error: { code: "session_exists" } });
    const gone = fixture.whenGone();
    expect(value(await client.stop(true))).toBe(true);
    expect(await gone).toBe(0);
  });

  test("SIGTERM ends the holder, not the tmux sessions", async () => {
    const fixture = make();
    await fixture.start();
    const client = await fixture.connect();
    const { id } = value(await client.create(spec({ backend: "tmux", argv: sh("read x") })));
    await fixture.kill("SIGTERM");
    expect(tmux(fixture, "list-sessions", "-F", "#{session_name}")).toContain(id);
  });
});

describe("refusals", () => {
  test("ids and names are taken while they live; a name is free again when its session ended", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const one = spec({ backend: "echo", name: "same" });
    value(await client.create(one));
    expect(await client.create({ ...one, name: "other" })).toMatchObject({ ok: false, error: { code: "session_exists", field: "id" } });
    expect(await client.create(spec({ backend: "echo", name: "same" }))).toMatchObject({
      ok: false,
      error: { code: "session_exists", field: "name" },
    });
    expect(await client.forget(one.id)).toMatchObject({ ok: false, error: { code: "session_exists" } });
    value(await client.kill(one.id));
    value(await client.create(spec({ backend: "echo", name: "same" })));
    expect(value(await client.forget(one.id))).toBe(true);
    for (const refused of [
      await client.kill(one.id),
      await client.forget(one.id),
      await client.resize(one.id, 80, 24),
      await client.screen(one.id, "text"),
      await client.subscribe(one.id, { credit: 0 }),
      await client.snapshot(one.id, { lines: 0 }),
      await client.send(one.id, new Uint8Array(1)),
    ]) {
      expect(refused).toMatchObject({ ok: false, error: { code: "session_not_found" } });
    }
    expect(await client.create({ ...spec({ backend: "echo" }), cols: 1001 })).toMatchObject({
      ok: false,
      error: { code: "size_out_of_range", field: "cols" },
    });
    expect(await client.create({ ...spec({ backend: "echo" }), name: "x".repeat(200) })).toMatchObject({
      ok: false,
      error: { code: "field_invalid" },
    });
  });

  test("names that nobody chose are given atomically: ten sessions made in one instant have ten names", async () => {
    const fixture = make();
    await fixture.start();
    const client = await fixture.connect();
    const creating = Array.from({ length: 10 }, () => client.create(spec({ backend: "echo", name: "sh", orNumbered: "sh" })));
    const names = (await Promise.all(creating)).map((created) => value(created).name);
    expect(names.sort()).toEqual(["sh", "sh-10", ...Array.from({ length: 8 }, (_, i) => `sh-${i + 2}`)]);
  });

  test("[VR2] an unknown request is answered, an unknown tag ignored, a malformed message ends that connection only", async () => {
    const fixture = make();
    await fixture.start();
    const other = await fixture.connect();
    const socket = createConnection(fixture.paths.socket);
    const said: string[] = [];
    const wake: (() => void)[] = [];
    const reader = new MessageReader((_, payload) => {
      said.push(payload.toString());
      wake.splice(0).forEach((call) => call());
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.write(encodeControlMessage({ t: "hello", id: 1, versions: { min: 1, max: 9 } }));
    socket.write(encodeControlMessage({ t: "teleport", id: 2 }));
    socket.write(Buffer.from([0, 0, 0, 2, 99, 1]));
    socket.write(encodeControlMessage({ t: "kill", id: 3 }));
    while (said.length < 3) await new Promise<void>((resolve) => wake.push(resolve));
    for (const answer of ['"t":"reply","id":1', '"id":2,"error":{"code":"type_unknown"', '"id":3,"error":{"code":"field_invalid"'])
      expect(said.join("\n")).toContain(answer);
    socket.write(Buffer.from([0, 0, 0, 3, 1, 0x7b, 0x7b]));
    await closed;
    value(await other.refreshFacts());
  });

  test("[VR1] a client without a common version is refused by the range", async () => {
    const fixture = make();
    await fixture.start();
    const socket = createConnection(fixture.paths.socket);
    const said = new Promise<string>((resolve) => {
      const reader = new MessageReader((_, payload) => resolve(payload.toString()));
      socket.on("data", (chunk: Buffer) => reader.push(chunk));
    });
    socket.write(encodeControlMessage({ t: "hello", id: 1, versions: { min: 7, max: 9 } }));
    expect(await said).toContain("upgrade_required");
    socket.destroy();
  });

  test("[F28] out of file descriptors: sessions are refused, the holder and its sessions live, and room helps", async () => {
    const fixture = make();
    await fixture.start({ maxFiles: 64 });
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const first = await launch(client, { argv: sh("read x; echo got $x") });
    const made: string[] = [];
    let refused: unknown;
    for (let i = 0; i < 40 && refused === undefined; i++) {
      const created = await client.create(spec({ argv: sh("read x"), backend: i % 2 === 0 ? "pty" : "tmux" }));
      if (created.ok) made.push(created.value.id);
      else refused = created.error;
    }
    expect(refused).toMatchObject({ code: "descriptors_exhausted" });
    expect(made.length).toBeGreaterThan(2);
    client.input(first.id, Buffer.from("alive\r"));
    await ear.until(() => ear.text(first.id).includes("got alive"));
    for (const id of made.slice(0, 4)) value(await client.kill(id));
    value(await client.create(spec({ argv: sh("read x") })));
  }, 60_000);

  test("[F25] a registry that cannot be written is a warning; sessions work", async () => {
    const fixture = make();
    mkdirSync(fixture.paths.registry);
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const { id } = await launch(client, { argv: sh("echo works; read x") });
    await ear.until(() => ear.text(id).includes("works"));
    // Who is told of a session has seen it noted, or the attempt at it.
    expect(value(await client.refreshFacts()).warnings.map(({ code }) => code)).toContain("state_unwritable");
  });

  test("200 programs come and go without a descriptor left behind", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    const descriptors = (): number => readdirSync(`/proc/${fixture.pid}/fd`).length;
    const run = async (): Promise<void> => {
      const { id } = value(await client.create(spec({ argv: ["/bin/true"] })));
      await ear.ended(id);
      value(await client.forget(id));
    };
    const ten = (): Promise<unknown> => Promise.all(Array.from({ length: 10 }, run));
    await ten();
    const before = descriptors();
    for (let i = 0; i < 20; i++) await ten();
    // Whatever is being written to disk in this instant is closed again.
    await expect.poll(descriptors).toBeLessThanOrEqual(before);
  }, 60_000);

  test("programs get no descriptor of another session, and die with the holder", async () => {
    const fixture = make();
    await fixture.start();
    const ear = new Ear();
    const client = await fixture.connect(ear);
    await launch(client, { argv: sh("read x") });
    const life = lifeline(fixture);
    const { id } = await launch(client, { argv: sh(`ls -l /proc/$$/fd; echo listed; exec 9>${life.path}; read x`) });
    const died = life.ended();
    await ear.until(() => ear.text(id).includes("listed"));
    expect(ear.text(id)).not.toContain("ptmx");
    await fixture.kill("SIGKILL");
    await died;
  });
});

/** A pipe that a program holds open for writing: its end is the program's, whoever's child that is. */
function lifeline(fixture: HolderFixture): { path: string; ended(): Promise<unknown> } {
  const life = path.join(fixture.dir, "life");
  spawnSync("mkfifo", [life]);
  return { path: life, ended: () => once(createReadStream(life).resume(), "end") };
}

function tmux(fixture: HolderFixture, ...args: string[]): string {
  return spawnSync("tmux", ["-S", fixture.paths.tmuxSocket, ...args], { encoding: "utf8" }).stdout;
}
