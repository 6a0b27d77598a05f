/** [F37] Wherever a rotation breaks off, the host keeps a key that the control plane takes, and both end on the same one. */
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { ServerTime } from "../link/server-time.ts";
import { systemClock } from "./clock.ts";
import { HostKeys } from "./host-keys.ts";
import { promoteKey, readIdentity, readNextKey, writeNextKey, type Identity } from "./identity.ts";
import { KeyRotation } from "./key-rotation.ts";
import { silentLog, type Log, type LogFields } from "./log.ts";
import { beginRotation, rotateKey } from "./rotate-key.ts";
import { rotatingHost, type KeyServer } from "./testing/key-server.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const setUp = () => rotatingHost(undo);

type JoinedHome = Awaited<ReturnType<typeof rotatingHost>>["home"];

const onDisk = ({ paths }: JoinedHome): Identity => {
  const identity = readIdentity(paths);
  if (identity === undefined) throw new Error("the identity is gone");
  return identity;
};

const call = ({ hostId, origin }: Identity["record"]) => ({
  claimant: { hostId, origin, instance: "instance1", bootId: "boot" },
  epoch: { start: 1, connect: 1 },
});

/** A process of the host-agent that starts on what is on the disk. */
function startProcess(home: JoinedHome, log: Log = silentLog) {
  let identity = onDisk(home);
  const clock = new VirtualClock();
  const keys = new HostKeys(identity.signing, readNextKey(home.paths, identity));
  const rotation = new KeyRotation({
    paths: home.paths,
    keys,
    serverTime: new ServerTime(systemClock),
    signal: new AbortController().signal,
    clock,
    timeScale: 1,
    log,
    identity: () => identity,
    promoted: (next) => {
      identity = next;
    },
    call: () => call(identity.record),
    isUp: () => true,
  });
  return { rotation, keys, clock };
}

/** One after the other, what a rotation does to disk and server; each is a place to die at. */
const STEPS: Record<string, (server: KeyServer, home: JoinedHome) => Promise<void>> = {
  "the next key was written down": async (_server, home) => void beginRotation(home.paths, home.identity.record.hostId),
  "the control plane took it, and the answer was lost": async (server, home) => {
    server.lose = 1;
    const rotated = await rotateKey({
      paths: home.paths,
      identity: home.identity,
      serverTime: new ServerTime(systemClock),
      signal: new AbortController().signal,
      ...call(home.identity.record),
    });
    expect(rotated.ok).toBe(false);
  },
  "the identity had the key, and the file of the next one was still there": async (_server, home) => {
    const next = readNextKey(home.paths, home.identity);
    if (next === undefined) throw new Error("no rotation is under way");
    promoteKey(home.paths, home.identity, next);
    writeNextKey(home.paths, home.identity.record.hostId, next);
  },
  "it was over": async (_server, home) => rmSync(home.paths.nextKeyFile),
};
const names = Object.keys(STEPS);

async function dieAt(step: string, server: KeyServer, home: JoinedHome): Promise<void> {
  for (const name of names.slice(0, names.indexOf(step) + 1)) await STEPS[name]?.(server, home);
}

describe.each(names)("the host-agent dies when %s", (step) => {
  test("it keeps a key that is taken, and the next start ends the rotation", async () => {
    const { server, home } = await setUp();
    await dieAt(step, server, home);
    const { rotation, keys } = startProcess(home);
    expect([keys.active.public, keys.pending?.public]).toContain(server.key);
    await rotation.settle();
    expect(server.key).not.toBe(home.identity.signing.public);
    expect(onDisk(home).signing.public).toBe(server.key);
    expect(keys.active.public).toBe(server.key);
    expect(keys.pending).toBeUndefined();
    expect(readNextKey(home.paths, onDisk(home))).toBeUndefined();
  });

  test("a later rotation goes through, to another key", async () => {
    const { server, home } = await setUp();
    await dieAt(step, server, home);
    const { rotation, keys } = startProcess(home);
    await rotation.settle();
    const before = server.key;
    beginRotation(home.paths, home.identity.record.hostId);
    await rotation.settle();
    expect(server.key).not.toBe(before);
    expect([onDisk(home).signing.public, keys.active.public]).toEqual([server.key, server.key]);
  });
});

describe("a rotation", () => {
  test("that the control plane took while the old key's day ran out ends without asking again: the link came up with the next key", async () => {
    const { server, home } = await setUp();
    await dieAt("the control plane took it, and the answer was lost", server, home);
    server.acceptsPrevious = false;
    const { rotation, keys } = startProcess(home);
    expect(keys.switch()).toBe(true);
    const calls = server.calls;
    await rotation.settle();
    expect(server.calls).toBe(calls);
    expect([onDisk(home).signing.public, keys.active.public]).toEqual([server.key, server.key]);
  });

  test("that cannot be written down leaves the host on a key that is taken, and ends when the disk takes it", async () => {
    const { server, home } = await setUp();
    beginRotation(home.paths, home.identity.record.hostId);
    const { rotation, keys } = startProcess(home);
    // What is written first, under this name, cannot be.
    const blocked = `${home.paths.identityFile}.${process.pid}.tmp`;
    mkdirSync(blocked);
    await rotation.settle();
    expect(onDisk(home).signing).toEqual(home.identity.signing);
    expect([keys.active.public, keys.pending?.public]).toContain(server.key);
    rmSync(blocked, { recursive: true });
    await rotation.settle();
    expect([onDisk(home).signing.public, keys.active.public]).toEqual([server.key, server.key]);
  });

  test("that is refused is not repeated before a minute, and then again", async () => {
    const { server, home } = await setUp();
    server.down = true;
    beginRotation(home.paths, home.identity.record.hostId);
    const { rotation, clock } = startProcess(home);
    await rotation.settle();
    expect(server.calls).toBe(1);
    const stop = new AbortController();
    const running = rotation.run(stop.signal);
    clock.advance(2_000);
    // By the time the server answers what is asked of it later, an early repetition would have come.
    for (let n = 0; n < 2; n++) expect((await fetch(`${server.relay.origin}/later`)).status).toBe(404);
    expect(server.calls).toBe(1);
    server.down = false;
    const again = server.called(2);
    for (let passed = 0; passed < 60_000; passed += 2_000) {
      clock.advance(2_000);
      await Promise.resolve();
      await Promise.resolve();
    }
    await again;
    stop.abort();
    await running;
    expect(onDisk(home).signing.public).toBe(server.key);
  });

  test("is ended once, however often it is asked for at the same time", async () => {
    const { server, home } = await setUp();
    beginRotation(home.paths, home.identity.record.hostId);
    const { rotation } = startProcess(home);
    await Promise.all([rotation.settle(), rotation.settle(), rotation.settle()]);
    expect(server.calls).toBe(1);
  });

  test.each([
    ["is damaged", (file: string) => writeFileSync(file, "{", { mode: 0o600 })],
    ["others can read", (file: string) => chmodSync(file, 0o644)],
    ["cannot be read at all", (file: string) => (rmSync(file), mkdirSync(file, { mode: 0o700 }))],
  ])("[F37] whose file %s is as good as none: it is told once with what to do, and ends when it is put right", async (_what, spoil) => {
    const { server, home } = await setUp();
    const next = beginRotation(home.paths, home.identity.record.hostId);
    spoil(home.paths.nextKeyFile);
    const warned: LogFields[] = [];
    const { rotation, keys } = startProcess(home, { ...silentLog, warn: (_message, fields) => void warned.push(fields ?? {}) });
    expect(keys.active).toEqual(home.identity.signing);
    await rotation.settle();
    await rotation.settle();
    expect(server.calls).toBe(0);
    expect(warned).toEqual([
      { detail: expect.stringContaining(home.paths.nextKeyFile), hint: expect.stringMatching(/sudo chown|maestro host rotate-key/) },
    ]);
    rmSync(home.paths.nextKeyFile, { recursive: true });
    writeNextKey(home.paths, home.identity.record.hostId, next);
    await rotation.settle();
    expect(onDisk(home).signing).toEqual(next);
  });
});

describe.skipIf(process.getuid?.() !== 0)("`sudo maestro host rotate-key` (only root can try it)", () => {
  test("[F37] leaves the next key to the user who has the identity", async () => {
    const { home } = await setUp();
    chownSync(home.paths.identityFile, 54_321, 54_322);
    writeFileSync(home.paths.nextKeyFile, "of an older version: root's", { mode: 0o600 });
    beginRotation(home.paths, home.identity.record.hostId);
    const { uid, gid, mode } = statSync(home.paths.nextKeyFile);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 54_321, gid: 54_322, mode: 0o600 });
    promoteKey(home.paths, home.identity, home.identity.signing);
    expect(statSync(home.paths.identityFile).uid).toBe(54_321);
  });
});
