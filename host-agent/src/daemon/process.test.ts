import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { WatchResult } from "@maestro/shared/protocol/link";
import type { Paths } from "../config/paths.ts";
import { spawnDaemon, stopHolder, type DaemonOptions, type DaemonProcess } from "./testing/daemon-process.ts";
import { FakeRelay, type RelayLink } from "./testing/fake-relay.ts";
import { joinedHome, type TestHome } from "./testing/host-home.ts";
import { noMounts, titled } from "./testing/needs.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp() {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  undo.push(() => stopHolder(home.paths));
  return { relay, home };
}

function run(home: TestHome, options: DaemonOptions = {}, paths: Paths = home.paths): DaemonProcess {
  const daemon = spawnDaemon(paths, options);
  undo.push(async () => {
    daemon.child.kill("SIGKILL");
    await daemon.exited;
  });
  return daemon;
}

/** Redials are waited for. */
const QUICK = { MAESTRO_TIME_SCALE: "0.1" };
const SESSION = "ses_01j9zzzzzzzzzzzzzzzzzzzzzz";
/** Several rings full after the cut: whoever lets the program run on unwatched loses bytes. */
const LINES = 3_000_000;

/** What a relay does for one viewer, over any number of links: watch from the cursor, take what is new, acknowledge. */
class Follower {
  readonly hash = createHash("sha256");
  bytes = 0;
  gaps = 0;
  #epoch: number | undefined;

  async follow(link: RelayLink, until: () => boolean): Promise<void> {
    const reply = await link.request({
      t: "watch",
      id: link.nextId(),
      session: SESSION,
      from: { epoch: this.#epoch ?? 1, offset: this.bytes },
    });
    if (reply.t !== "reply") throw new Error(`watch was refused: ${JSON.stringify(reply.error)}`);
    const { channel, epoch, resumed } = WatchResult.parse(reply.value);
    this.#epoch = epoch;
    if (!resumed) this.gaps += 1;
    if (this.bytes === 0) link.sendInput(channel, Buffer.from("x"));
    let acked = this.bytes;
    let read = 0;
    await link.until(
      () => {
        for (; read < link.received.length; read++) {
          const entry = link.received[read];
          if (entry?.type === "control" && entry.frame.t === "gap") this.gaps += 1;
          if (entry?.type !== "data" || entry.frame.channel !== channel) continue;
          const { offset, payload } = entry.frame;
          if (offset > this.bytes) throw new Error(`bytes ${this.bytes}..${offset} are missing`);
          const fresh = payload.subarray(Math.min(payload.byteLength, this.bytes - offset));
          this.hash.update(fresh);
          this.bytes += fresh.byteLength;
          entry.frame.payload = new Uint8Array();
        }
        if (this.bytes - acked >= 64 * 1024) {
          acked = this.bytes;
          link.send({ t: "ack", channel, epoch, offset: acked });
        }
        return until() || link.closed !== undefined ? true : undefined;
      },
      "the whole output",
      90_000,
    );
  }
}

function expected(): { bytes: number; sha256: string } {
  const hash = createHash("sha256");
  let bytes = 0;
  for (let i = 1; i <= LINES; i++) {
    const line = `${i}\n`;
    hash.update(line);
    bytes += line.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** A program that floods once it is told to. */
async function flood(link: RelayLink): Promise<void> {
  const argv = ["/bin/sh", "-c", 'stty raw -echo; head -c 1 >/dev/null; seq 1 "$1"; exec sleep 600', "sh", String(LINES)];
  const reply = await link.request({
    t: "session.create",
    id: link.nextId(),
    session: SESSION,
    name: "flood",
    argv,
    env: {},
    size: { cols: 80, rows: 24 },
    backend: "pty",
  });
  if (reply.t !== "reply") throw new Error(`session.create was refused: ${JSON.stringify(reply.error)}`);
}

/** A watched flood, a quarter of it seen. */
async function quarterOfAFlood() {
  const { relay, home } = await setUp();
  const daemon = run(home);
  const first = await relay.link(0);
  await flood(first);
  const follower = new Follower();
  const whole = expected();
  await follower.follow(first, () => follower.bytes > whole.bytes / 4);
  return { relay, home, daemon, first, follower, whole };
}

test("upgrade in place under a flood: the same process, a new instance, and not one byte differs", async () => {
  const { relay, daemon, first, follower, whole } = await quarterOfAFlood();
  daemon.child.kill("SIGHUP");
  await follower.follow(await relay.link(1), () => follower.bytes >= whole.bytes);
  expect(relay.links[1]?.claim.instance).not.toBe(first.claim.instance);
  expect(relay.links[1]?.claim.epoch.start).toBeGreaterThan(first.claim.epoch.start);
  expect(daemon.child.exitCode).toBeNull();
  expect({ bytes: follower.bytes, sha256: follower.hash.digest("hex"), gaps: follower.gaps }).toEqual({ ...whole, gaps: 0 });
}, 120_000);

test("kill -9 under a flood and a new start: not one byte differs (F1)", async () => {
  const { relay, home, daemon, follower, whole } = await quarterOfAFlood();
  daemon.child.kill("SIGKILL");
  await daemon.exited;
  run(home);
  await follower.follow(await relay.link(1), () => follower.bytes >= whole.bytes);
  expect({ bytes: follower.bytes, sha256: follower.hash.digest("hex"), gaps: follower.gaps }).toEqual({ ...whole, gaps: 0 });
}, 120_000);

test("a second daemon of one home exits with 10 and says which process runs", async () => {
  const { relay, home } = await setUp();
  const daemon = run(home);
  await relay.link(0);
  const second = run(home);
  expect(await second.exited).toMatchObject({ code: 10 });
  expect(second.said()).toContain(String(daemon.child.pid));
  expect(relay.links).toHaveLength(1);
});

test("the end of standard input ends a daemon that runs under `up`, politely", async () => {
  const { relay, home } = await setUp();
  const daemon = run(home, { stdin: "pipe", flags: ["--exit-on-stdin-end"] });
  const link = await relay.link(0);
  daemon.child.stdin?.end();
  expect(await daemon.exited).toMatchObject({ code: 0 });
  expect(await link.untilClosed()).toMatchObject({ code: 1001 });
});

test("SIGTERM ends the daemon; its sessions go on, and the next one finds them", async () => {
  const { relay, home } = await setUp();
  const daemon = run(home);
  await flood(await relay.link(0));
  daemon.child.kill("SIGTERM");
  expect(await daemon.exited).toMatchObject({ code: 0 });
  run(home);
  const link = await relay.link(1);
  expect((await link.frame("hello")).sessions.map(({ id, end }) => [id, end])).toEqual([[SESSION, undefined]]);
});

test("[F37] a next key that cannot be read keeps no host from its fleet; the log says what to do", async () => {
  const { relay, home } = await setUp();
  mkdirSync(home.paths.nextKeyFile);
  const daemon = run(home);
  await relay.link(0);
  expect(daemon.said()).toContain("the next key cannot be used");
  expect(daemon.said()).toContain("sudo chown");
});

test("a machine that has not joined is told how to, without a stack", async () => {
  const { home } = await setUp();
  execFileSync("rm", ["-r", home.paths.hostDir]);
  const daemon = run(home);
  expect(await daemon.exited).toMatchObject({ code: 4 });
  expect(daemon.said()).toContain("maestro host join");
  expect(daemon.said()).not.toMatch(/^\s+at /m);
});

const cannotMount = noMounts();
test.skipIf(cannotMount !== undefined)(
  titled("[LK2] on a read-only state directory the host still connects, says so, and comes back (F25)", cannotMount),
  async () => {
    const { relay, home } = await setUp();
    const readOnly = [
      "unshare",
      "-m",
      "sh",
      "-c",
      'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"',
      "sh",
      home.paths.home,
    ];
    const first = run(home, { wrapper: readOnly, env: QUICK });
    const link = await relay.link(0);
    expect((await link.frame("hello")).capabilities).toContain("degraded:state_unwritable");
    link.tcp.destroy();
    const again = await relay.link(1);
    first.child.kill("SIGTERM");
    await first.exited;
    run(home, { wrapper: readOnly, env: QUICK });
    const later = await relay.link(2);
    expect(later.claim.epoch.start).toBeGreaterThan(again.claim.epoch.start);
  },
  60_000,
);

test("with 64 file descriptors the daemon works or refuses clearly, and never with a stack (F28)", async () => {
  const { relay, home } = await setUp();
  const daemon = run(home, { wrapper: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"] });
  const link = await relay.link(0);
  const codes = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const id = link.nextId();
    const session = `ses_01j9zzzzzzzzzzzzzzzzzzzz${String(i).padStart(2, "0")}`;
    const reply = await link.request({
      t: "session.create",
      id,
      session,
      name: `n${i}`,
      argv: ["/bin/cat"],
      env: {},
      size: { cols: 80, rows: 24 },
      backend: "pty",
    });
    codes.add(reply.t === "reply" ? "made" : reply.error.code);
  }
  expect(
    [...codes].every((code) => ["made", "descriptors_exhausted", "session_limit"].includes(code)),
    [...codes].join(),
  ).toBe(true);
  expect(await link.request({ t: "detect", id: link.nextId() })).toMatchObject({ t: "reply" });
  expect(daemon.said()).not.toMatch(/^\s+at /m);
}, 120_000);
