/** Work that takes too much, or does not let go: memory, processes, disk, log, signals. The machine and the others stay well. */
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CleanupResult } from "@maestro/shared/contract/tasks";
import { LOG_HEAD_BYTES, LOG_TAIL_BYTES, LOG_WHOLE_BYTES } from "@maestro/shared/limits";
import { omittedMarker } from "@maestro/shared/log-marker";
import { mountSmall } from "../chaos/faults.ts";
import { TestHome } from "../support/home.ts";
import { allProcesses, isAlive } from "../support/processes.ts";
import { isFullRun, lacking, titled } from "../support/system.ts";
import { limitsAreThere, TaskWorld } from "../support/task-world.ts";
import { dispatchTask, shell, taskEnds, taskShows } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const DISK_MB = 48;
const LOG_LIMIT_MB = isFullRun ? 1_024 : 8;
/** Of a flood that would never end. */
const FLOOD_BYTES = isFullRun ? 10_000_000_000 : 80_000_000;
const PIDS = 64;

const noDisk = lacking("mounts");
const noLimits = limitsAreThere() ? undefined : "this machine lets nobody limit memory or processes";

const stack = new AsyncDisposableStack();
let world: TaskWorld;
let local: string;
let small: string;

beforeAll(async () => {
  const diskHome = new TestHome();
  const disk = noDisk === undefined ? stack.use(mountSmall(diskHome.path, DISK_MB)) : undefined;
  small = diskHome.path;
  const floodHome = new TestHome();
  writeFileSync(join(floodHome.path, "policy.yaml"), `log_limit: ${LOG_LIMIT_MB}m\n`, { mode: 0o600 });
  world = stack.use(
    await TaskWorld.open({
      timeScale: 1,
      others: [
        { name: "small-disk", home: diskHome },
        { name: "short-logs", home: floodHome },
      ],
    }),
  );
  stack.use(disk);
  local = world.hosts[0]?.name ?? "";
});
afterAll(async () => stack.disposeAsync());

async function agentWith(slug: string, limits: object): Promise<string> {
  const { api } = world.product;
  const type = await api.request("POST", "/api/v1/agent-types", { slug, adapter: "shell", resource_limits: limits });
  if (type.status >= 400) throw new Error(type.text);
  return (await api.createAgent({ type: slug, host: local, workspace: world.product.home.directory(slug) })).name;
}

/** The machine takes work and does it. */
async function isWell(host = local): Promise<void> {
  const { id } = await dispatchTask(world.api, { command: ["/bin/echo", "well"], on: { host } });
  expect(await taskEnds(world.api, id)).toMatchObject({ status: "completed" });
}

const pidsIn = (file: string): number[] =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map(Number)
    : [];

describe("[F34] a grandchild keeps the output open", () => {
  test("the end is not delayed by it", { timeout: 120_000 }, async () => {
    const startedMs = performance.now();
    const { id } = await dispatchTask(world.api, { command: shell("sleep 300 & echo done"), on: { host: local } });
    const ended = await taskEnds(world.api, id);
    expect(ended).toMatchObject({ status: "completed", exitCode: 0 });
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});

describe("[F35] [TK4] it ignores every signal that can be ignored", () => {
  test("with all its descendants, sessions of their own included, it is gone within 25 s", { timeout: 120_000 }, async () => {
    const file = join(world.product.home.directory("pids"), "f35");
    const stubborn = 'trap "" INT TERM HUP QUIT; echo $$ >>"$1"; while :; do sleep 1; done';
    const script = `trap "" INT TERM HUP QUIT; setsid sh -c '${stubborn}' x "$1" & (setsid setsid sh -c '${stubborn}' x "$1") & ${stubborn}`;
    const { id } = await dispatchTask(world.api, { command: shell(script, file), on: { host: local } });
    const pids = await poll("all three run", () => (pidsIn(file).length === 3 ? pidsIn(file) : undefined), { timeoutMs: 30_000 });
    const startedMs = performance.now();
    await world.api.request("POST", `/api/v1/tasks/${id}/cancel`, { reason: "it does not listen" });
    expect(await taskEnds(world.api, id)).toMatchObject({ status: "cancelled", reason: { code: "cancelled" } });
    expect(performance.now() - startedMs).toBeLessThan(27_000);
    expect(pids.filter((pid) => isAlive(pid))).toEqual([]);
  });
});

describe.skipIf(noLimits !== undefined)(titled("[F26] a task runs out of memory", noLimits), () => {
  test("it is oom_killed, and nobody else is", { timeout: 120_000 }, async () => {
    const agent = await agentWith("f26", { memory: "60m" });
    const hostAgent = await world.product.running("host-agent");
    const { id } = await dispatchTask(world.api, { command: shell("echo begins; exec tail /dev/zero"), to: [agent] });
    expect(await taskEnds(world.api, id)).toMatchObject({ status: "failed", reason: { code: "oom_killed" } });
    expect(await world.product.running("host-agent")).toBe(hostAgent);
    await isWell();
  });
});

describe.skipIf(noLimits !== undefined)(titled("[F27] a fork bomb in a task", noLimits), () => {
  test("the cap holds, the machine answers, and cancelling leaves nothing of it", { timeout: 180_000 }, async () => {
    const agent = await agentWith("f27", { pids: PIDS });
    const mark = "f27-bomb";
    // Whoever cannot fork ends, and is forked again: it stays at the cap, where one that doubles would be gone in a moment.
    const bomb = "bomb() { while :; do bomb & wait; done; }; bomb 2>/dev/null";
    const { id } = await dispatchTask(world.api, { command: ["/bin/sh", "-c", bomb, mark], to: [agent] });
    await taskShows(world.api, id, "runs", ({ status }) => status === "running");
    const bombs = () => allProcesses().filter(({ argv }) => argv.includes(mark)).length;
    let most = 0;
    const endMs = performance.now() + 5_000;
    await poll("watched for a while", () => {
      most = Math.max(most, bombs());
      return performance.now() > endMs ? true : undefined;
    });
    // It went off, and went no further.
    expect(most).toBeGreaterThan(PIDS / 4);
    expect(most).toBeLessThanOrEqual(PIDS);
    await isWell();
    await world.api.request("POST", `/api/v1/tasks/${id}/cancel`, { reason: "enough" });
    expect(await taskEnds(world.api, id, 90_000)).toMatchObject({ status: "cancelled" });
    await poll("nothing of it left", () => (bombs() === 0 ? true : undefined), { timeoutMs: 30_000 });
  });
});

describe("[F29] [LG2] a log that does not end", () => {
  test(
    `past ${LOG_LIMIT_MB} MiB it ends with log_limit; its host stays online and the log is whole as far as it goes`,
    { timeout: isFullRun ? 900_000 : 180_000 },
    async () => {
      const { id } = await dispatchTask(world.api, {
        command: shell(`yes "a line that is repeated" | head -c ${FLOOD_BYTES}`),
        on: { host: "short-logs" },
      });
      const seen: string[] = [];
      const ended = await taskShows(
        world.api,
        id,
        "ended",
        ({ status }) => {
          seen.push(status);
          return status !== "running" && status !== "queued" && status !== "offered" && status !== "cancelling";
        },
        600_000,
      );
      expect(ended).toMatchObject({ status: "failed", reason: { code: "log_limit" } });
      expect(seen).not.toContain("unknown");
      const attempt = ended.attempts[0]?.id ?? "";
      const file = Buffer.from(world.file(attempt) ?? []);
      expect(file.length).toBeGreaterThanOrEqual(LOG_LIMIT_MB * 2 ** 20);
      const kept = keptOf(file);
      const log = await poll(
        "the log stored",
        async () => {
          const bytes = await world.log(attempt);
          return bytes?.length === kept.length ? Buffer.from(bytes) : undefined;
        },
        { timeoutMs: isFullRun ? 300_000 : 60_000, everyMs: 500 },
      );
      expect(log.equals(kept)).toBe(true);
      await isWell("short-logs");
    },
  );

  /** Of a log too long to be kept whole: both ends, and what says how much lay between. */
  function keptOf(file: Buffer): Buffer {
    if (file.length <= LOG_WHOLE_BYTES) return file;
    const gap = { from: LOG_HEAD_BYTES, to: file.length - LOG_TAIL_BYTES };
    return Buffer.concat([file.subarray(0, gap.from), Buffer.from(omittedMarker(gap)), file.subarray(gap.to)]);
  }
});

describe.skipIf(noDisk !== undefined)(titled("[F24] the disk is full", noDisk), () => {
  test(
    "under a task that writes its log: it ends once, the host stays linked, refuses new work with disk_low and takes it again when there is room",
    { timeout: 240_000 },
    async () => {
      const on = { host: "small-disk" };
      const { id } = await dispatchTask(world.api, { command: shell(`yes "a line" | head -c ${2 * DISK_MB * 2 ** 20}`), on });
      const ended = await taskEnds(world.api, id, 120_000);
      expect(["failed", "completed"]).toContain(ended.status);
      expect(ended.attempts).toHaveLength(1);
      expect(ended.reason?.code).toMatch(/exit_nonzero|disk_low|killed_by_signal|workspace_error|log_limit/);
      const filler = join(small, "filler");
      fill(filler);
      try {
        const waiting = await dispatchTask(world.api, { command: ["/bin/echo", "room"], on });
        const shown = await taskShows(
          world.api,
          waiting.id,
          "refused or waiting",
          ({ status, waiting: why, reason }) => reason !== undefined || (status === "queued" && why !== undefined && why.code !== "turn"),
        );
        expect(JSON.stringify([shown.waiting, shown.reason, shown.attempts])).toMatch(/disk_low|are free/);
        expect((await world.product.api.hosts()).find(({ name }) => name === "small-disk")?.status).toBe("online");
      } finally {
        rmSync(filler, { force: true });
        // Collected first: files whose bytes are not all at the edge stay.
        await poll(
          "its log collected, its files removed",
          async () => {
            const { items } = await world.api.call(CleanupResult, "POST", `/api/v1/tasks/${id}/cleanup`, {});
            return items.every(({ logKept }) => !logKept) ? true : undefined;
          },
          { timeoutMs: 120_000, everyMs: 1_000 },
        );
      }
      await poll(
        "work is taken again",
        async () => {
          const { id: again } = await dispatchTask(world.api, { command: ["/bin/echo", "room"], on });
          return (await taskEnds(world.api, again, 30_000)).status === "completed" ? true : undefined;
        },
        { timeoutMs: 60_000, everyMs: 500 },
      );
      expect(world.host("small-disk").second?.log).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    },
  );

  function fill(file: string): void {
    const { bavail, bsize } = statfsSync(small);
    try {
      writeFileSync(file, Buffer.alloc(bavail * bsize));
    } catch {
      // As full as it gets.
    }
  }
});
