/** Faults between a machine and its control plane while it works: logs over cut links, partitions short and long. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LEASE_MS, LOST_AFTER_MS } from "@maestro/shared/limits";
import { floodArgv } from "../support/flood.ts";
import { floodSha256 } from "../fixtures/agents/flood-stream.ts";
import { signalTo } from "../support/processes.ts";
import { chooseSeed } from "../support/random.ts";
import { isFullRun } from "../support/system.ts";
import { TaskWorld, type NonceBody, type WorldHost } from "../support/task-world.ts";
import { dispatchTask, shell, taskEnds, taskShows } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const SEED = chooseSeed(20_261_128);
const TIME_SCALE = isFullRun ? 1 : 0.05;
/** A hundred cuts with a minute between redials would be an hour, and the bytes do not care how long. */
const CUT_TIME_SCALE = 0.05;
const MB = 1_000_000;
const LOG_BYTES = (isFullRun ? 100 : 10) * MB;
/** What the program says first. */
const READY = "FLOOD READY\r\n";
const CUTS = isFullRun ? 100 : 10;
/** How long things take to be noticed, beside the time itself. */
const SLACK_MS = 30_000;
const STOPPED_MS = 5 * 60_000 * TIME_SCALE;
const SINCE = / is silent since ([0-9TZ:.-]+);/;

let world: TaskWorld;
let cut: WorldHost;
let host: WorldHost;
let other: WorldHost;
let remote: WorldHost;
let still: WorldHost;
let there: NonceBody;
let made = 0;
const nonce = (what: string) => `${what}-${SEED.toString(36)}-${++made}`;

beforeAll(async () => {
  world = await TaskWorld.open({
    timeScale: TIME_SCALE,
    others: [{ name: "cut", timeScale: CUT_TIME_SCALE }, { name: "second" }, { name: "third" }, { name: "fourth" }, { name: "fifth" }],
  });
  cut = world.host("cut");
  host = world.host("second");
  other = world.host("third");
  remote = world.host("fourth");
  still = world.host("fifth");
  there = { on: { host: "second" } };
});
afterAll(async () => world[Symbol.asyncDispose]());

const proxyOf = ({ proxy, name }: WorldHost) => {
  if (proxy === undefined) throw new Error(`${name} has no proxy`);
  return proxy;
};

describe("[F18] [LG1] link cut again and again during a log", () => {
  test(
    `${CUTS} cuts in ${LOG_BYTES / MB} MB: no byte differs, for the store and for somebody who follows`,
    { timeout: 900_000 },
    async () => {
      const proxy = proxyOf(cut);
      const command = floodArgv({ bytes: LOG_BYTES, seed: SEED, rate: LOG_BYTES / (isFullRun ? 60 : 8), now: true });
      const { id } = await dispatchTask(world.api, { command, on: { host: cut.name } });
      await taskShows(world.api, id, "runs", ({ status }) => status !== "queued" && status !== "offered");
      const following = follow(id);
      const { cuts } = proxy;
      const script = proxy.unleash(SEED, { direction: "up", withinBytes: LOG_BYTES * 0.9, cuts: CUTS });
      const ended = await taskEnds(world.api, id, 600_000);
      expect(ended, `seed ${SEED}`).toMatchObject({ status: "completed" });
      const attempt = ended.attempts[0]?.id ?? "";
      const file = await poll("the host's file", () => world.file(attempt));
      const stored = await poll(
        "all of it stored",
        async () => {
          const bytes = await world.log(attempt);
          return bytes?.length === file.length ? bytes : undefined;
        },
        { timeoutMs: 120_000, everyMs: 250 },
      );
      expect(script.steps.length).toBe(CUTS);
      expect(proxy.cuts - cuts).toBeGreaterThanOrEqual(CUTS / 2);
      expect(digest(stored)).toBe(digest(file));
      expect((await world.task(id)).attempts[0]?.log).toMatchObject({ bytes: file.length, sha256: digest(file), complete: true });
      const followed = await following;
      expect({ bytes: followed.length, sha256: digest(followed) }).toEqual({ bytes: file.length, sha256: digest(file) });
      expect(digest(file.subarray(READY.length, READY.length + LOG_BYTES))).toBe(floodSha256(SEED, LOG_BYTES));
    },
  );

  /** As the CLI follows: by offset, again and again until the log is complete. */
  async function follow(id: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const api = world.api;
      const url = new URL(`/api/v1/tasks/${id}/log?follow=true&offset=${offset}`, api.url);
      const response = await fetch(url, { headers: { authorization: `Bearer ${api.token ?? ""}` } });
      if (response.status !== 200 || response.body === null) throw new Error(`follow: ${response.status} ${await response.text()}`);
      for await (const chunk of response.body) {
        chunks.push(Buffer.from(chunk));
        offset += chunk.byteLength;
      }
      const { attempts, status } = await world.task(id);
      const log = attempts[0]?.log;
      if (status !== "running" && log?.complete === true && offset >= log.bytes) return Buffer.concat(chunks);
    }
  }
});

describe("[F20] [TK2] partition", () => {
  test("longer than the lease, then healed: unknown meanwhile, not run again, ended as it did", { timeout: 1_800_000 }, async () => {
    const { id, work } = await world.submit({ nonce: nonce("short"), lines: 50, pauseMs: 1_000 }, there);
    await taskShows(world.api, id, "runs", ({ status }) => status === "running");
    proxyOf(host).blackhole("both");
    try {
      await becomesUnknown(id);
    } finally {
      // The others wait on this machine too, whatever became of this.
      heal(host);
    }
    await world.ended(id);
    expect(await world.violations([id])).toEqual([]);
    expect(world.ledger.counts().get(work.nonce)).toBe(1);
  });
});

// These wait out their minutes together, on machines of their own.
describe("[TK2] minutes of silence", () => {
  const long = "[F20] 15 minutes, then healed: lost, and what it says then changes nothing and runs nothing again";
  test.concurrent(long, { timeout: 1_800_000 }, async () => {
    const far: NonceBody = { on: { host: remote.name } };
    const { id, work, excuses } = await world.submit({ nonce: nonce("long"), lines: 50, pauseMs: 1_000 }, far);
    excuses.add("host_gone");
    await taskShows(world.api, id, "runs", ({ status }) => status === "running");
    proxyOf(remote).blackhole("both");
    const lost = await taskShows(
      world.api,
      id,
      "lost",
      ({ status }) => status === "lost",
      (LEASE_MS + LOST_AFTER_MS) * TIME_SCALE + SLACK_MS,
    );
    expect(lost.reason).toMatchObject({ code: "host_lost" });
    heal(remote);
    await world.product.api.hostOnline(remote.name, 120_000);
    // It says how it ended, and is told to forget it: another task of the same machine passes through after that.
    const { id: next } = await world.submit({ nonce: nonce("after"), lines: 5, pauseMs: 0 }, far);
    await world.ended(next);
    const { status, reason } = await world.task(id);
    expect({ status, reason: reason?.code }).toEqual({ status: "lost", reason: "host_lost" });
    expect(world.ledger.counts().get(work.nonce)).toBe(1);
  });

  test.concurrent("[F20] onLost retry: run again elsewhere only after the first has ended itself", { timeout: 1_800_000 }, async () => {
    const labels = { pair: "retry" };
    for (const { name } of [host, other])
      expect(await world.product.api.request("PATCH", `/api/v1/hosts/${name}`, { labels })).toMatchObject({ status: 200 });
    const marks = join(world.product.home.directory("marks"), nonce("retry"));
    // Each run tells its name and the machine's own time, again and again.
    const script = 'while [ ! -e "$1.done" ]; do read -r now _ </proc/uptime; echo "$$ $now" >>"$1"; sleep 0.1; done';
    const { id } = await dispatchTask(world.api, {
      command: shell(script, marks),
      on: { labels },
      idempotent: true,
      onLost: "retry",
      retries: 3,
    });
    const running = await taskShows(world.api, id, "runs", ({ status }) => status === "running");
    const first = running.attempts[0]?.host.name === host.name ? host : other;
    await poll("the first run marks", () => (existsSync(marks) ? true : undefined));
    proxyOf(first).blackhole("both");
    await taskShows(
      world.api,
      id,
      "runs again",
      ({ attempts, status }) => attempts.length > 1 && status === "running",
      (LEASE_MS + LOST_AFTER_MS) * TIME_SCALE + SLACK_MS,
    );
    const lines = () =>
      readFileSync(marks, "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(" "));
    const [firstPid = ""] = lines()[0] ?? [];
    await poll("the second run marks", () => lines().find(([pid]) => pid !== firstPid));
    const lastOfFirst = Math.max(
      ...lines()
        .filter(([pid]) => pid === firstPid)
        .map(([, at]) => Number(at)),
    );
    const firstOfSecond = Math.min(
      ...lines()
        .filter(([pid]) => pid !== firstPid)
        .map(([, at]) => Number(at)),
    );
    expect(firstOfSecond).toBeGreaterThan(lastOfFirst);
    heal(first);
    await world.product.api.hostOnline(first.name, 120_000);
    await dispatchTask(world.api, { command: shell(': >"$1.done"', marks), on: { host: first.name } });
    expect(await taskEnds(world.api, id)).toMatchObject({ status: "completed", exitCode: 0 });
    expect(new Set(lines().map(([pid]) => pid)).size).toBe(2);
  });

  test.concurrent(
    "[F5] the whole host-agent stopped for 5 minutes: unknown meanwhile, then what it is",
    { timeout: 1_800_000 },
    async () => {
      const gate = join(world.product.home.directory("gates"), "f5");
      const { id, work } = await world.submit({ nonce: nonce("f5"), lines: 50, pauseMs: 0, until: gate }, { on: { host: still.name } });
      await taskShows(world.api, id, "runs", ({ status }) => status === "running");
      const pid = (await still.second?.running("host-agent")) ?? -1;
      const stoppedMs = performance.now();
      signalTo(pid, "SIGSTOP");
      try {
        await becomesUnknown(id);
        await new Promise((resolve) => setTimeout(resolve, STOPPED_MS - (performance.now() - stoppedMs)));
        expect((await world.task(id)).status).toBe("unknown");
      } finally {
        signalTo(pid, "SIGCONT");
      }
      await taskShows(world.api, id, "runs again", ({ status }) => status === "running", 120_000);
      writeFileSync(gate, "");
      await world.ended(id);
      expect(await world.violations([id])).toEqual([]);
      expect(world.ledger.counts().get(work.nonce)).toBe(1);
      expect((await world.task(id)).attempts).toHaveLength(1);
    },
  );
});

/** One lease after the host was heard last, not after somebody noticed; and it is given up so long after that. */
async function becomesUnknown(id: string): Promise<void> {
  const { waiting } = await taskShows(world.api, id, "unknown", ({ status }) => status === "unknown", LEASE_MS * TIME_SCALE + SLACK_MS);
  expect(waiting).toMatchObject({ code: "host_unreachable", detail: expect.stringMatching(SINCE) });
  const sinceMs = Date.parse(SINCE.exec(waiting?.detail ?? "")?.[1] ?? "");
  expect(Date.parse(waiting?.until ?? "") - sinceMs).toBe(LOST_AFTER_MS * TIME_SCALE);
}

/** In this order: what the silence held must not come through only to be cut at once. */
function heal(one: WorldHost): void {
  proxyOf(one).cutAll();
  proxyOf(one).heal();
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
