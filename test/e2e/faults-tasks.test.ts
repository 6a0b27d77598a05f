/** Faults while work is done: parts of one machine killed at every stage of a task. Each ends by checking invariant I. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Task } from "@maestro/shared/contract/tasks";
import { killHostAgent } from "../chaos/kills.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { TestHome } from "../support/home.ts";
import { BUNDLE } from "../support/maestro.ts";
import { nonceCommand } from "../support/nonce.ts";
import { allProcesses, isAlive, killAndWait } from "../support/processes.ts";
import { chooseSeed, seededRandom } from "../support/random.ts";
import { install, installed } from "../support/second-build.ts";
import { isFullRun } from "../support/system.ts";
import { attemptsDirectory, TaskWorld, type NonceBody, type WorldHost } from "../support/task-world.ts";
import { taskShows } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const SEED = chooseSeed(20_261_128);
const TIME_SCALE = 0.05;
const DATABASE_AWAY_MS = isFullRun ? 120_000 : 5_000;
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

let world: TaskWorld;
/** A machine whose daemon nothing but the test restarts. */
let host: WorldHost;
let there: NonceBody;
const random = seededRandom(SEED);
let made = 0;
const nonce = (what: string) => `${what}-${SEED.toString(36)}-${++made}`;

beforeAll(async () => {
  const home = new TestHome();
  install(home);
  world = await TaskWorld.open({
    timeScale: TIME_SCALE,
    others: [{ name: "second", home, bundle: installed(home) }],
    // A few more than twenty: an offer whose answer was lost with workerd holds its place for a minute.
    env: { MAESTRO_MAX_CONCURRENT: "30" },
  });
  host = world.host("second");
  there = { on: { host: "second" } };
});
afterAll(async () => world[Symbol.asyncDispose]());

const holds = async (...ids: string[]): Promise<void> => expect(await world.violations(ids), `seed ${SEED}`).toEqual([]);
const runs = (id: string) => taskShows(world.api, id, "runs", ({ status }) => status === "running");
const pidsOf = (word: string) =>
  allProcesses()
    .filter(({ argv, state }) => state !== "Z" && argv.includes(word))
    .map(({ pid }) => pid);

describe("[F2] host-agent killed while it starts work", () => {
  test("at any moment of it: every task runs once", { timeout: 600_000 }, async () => {
    const ids: string[] = [];
    for (let round = 0; round < (isFullRun ? 25 : 5); round++) {
      for (let n = 0; n < 3; n++) ids.push((await world.submit({ nonce: nonce("f2"), lines: 20, pauseMs: 100 }, there)).id);
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 40)));
      await killHostAgent(world, host);
    }
    await holds(...ids);
  });
});

describe("[F3] host-agent killed while it ships a log", () => {
  test("it goes on by offset: the log is whole", { timeout: 240_000 }, async () => {
    const { id } = await world.submit({ nonce: nonce("f3"), lines: isFullRun ? 2_000_000 : 200_000, pauseMs: 0 }, there);
    await runs(id);
    for (let round = 0; round < (isFullRun ? 10 : 2); round++) {
      await new Promise((resolve) => setTimeout(resolve, random.int(10, 200)));
      await killHostAgent(world, host);
    }
    await holds(id);
  });
});

describe("[F4] host-agent killed between the exit and its telling", () => {
  test("the exit file is reported by the next one", { timeout: 120_000 }, async () => {
    const { id } = await world.submit({ nonce: nonce("f4"), lines: 50, pauseMs: 1_000 }, there);
    const { attempts } = await runs(id);
    await host.second?.kill("host-agent");
    const exit = join(attemptsDirectory(host.home), attempts[0]?.id ?? "", "exit.json");
    await poll("the exit file", () => (existsSync(exit) ? true : undefined), { timeoutMs: 30_000 });
    host.second?.run();
    await holds(id);
    expect((await world.task(id)).attempts).toHaveLength(1);
  });
});

describe("[F6] runner killed", () => {
  test("failed with runner_died, and nothing of it is left", { timeout: 120_000 }, async () => {
    const { id, work } = await world.submit({ nonce: nonce("f6"), lines: 10, pauseMs: 600_000 }, there);
    const { attempts } = await runs(id);
    const attempt = attempts[0]?.id ?? "";
    world.excuseAttempt("runner_killed", attempt);
    const { runner } = await poll("the runner", () => world.running(host).find((one) => one.attempt === attempt));
    await poll("its child", () => (world.ledger.counts().has(work.nonce) ? true : undefined));
    expect(pidsOf(work.nonce).length).toBeGreaterThan(0);
    await killAndWait(runner);
    const ended = await world.ended(id);
    expect(ended).toMatchObject({ status: "failed", reason: { code: "runner_died" } });
    await poll("nothing of it left", () => (pidsOf(work.nonce).length === 0 ? true : undefined), { timeoutMs: 30_000 });
    await holds(id);
  });
});

describe("[F7] tmux servers killed", () => {
  test("work and its log have nothing to do with them", { timeout: 120_000 }, async () => {
    await world.product.api.createSession({ host: "second", argv: ["/bin/cat"], backend: "tmux" });
    const { id } = await world.submit({ nonce: nonce("f7"), lines: 100, pauseMs: 1_500 }, there);
    await runs(id);
    const own = dirname(host.home.path);
    const servers = allProcesses().filter(({ argv }) => argv[0]?.includes("tmux") === true && argv.some((word) => word.startsWith(own)));
    expect(servers.length).toBeGreaterThan(0);
    for (const { pid } of servers) await killAndWait(pid);
    await holds(id);
    expect(await world.task(id)).toMatchObject({ attempts: [{ n: 1 }] });
  });
});

describe("[F8] [F9] workerd killed while tasks are submitted, started and ended", () => {
  test("what was acknowledged ends once", { timeout: 1_800_000 }, async () => {
    const ids: string[] = [];
    for (let round = 0; round < (isFullRun ? 60 : 4); round++) {
      const ran = world.ledger.counts().size;
      const submitting = Promise.all(
        Array.from({ length: 6 }, () =>
          world.submit({ nonce: nonce("f8"), lines: 50, pauseMs: random.int(0, 500) }, random.pick([{}, there])),
        ),
      );
      // In turn while something is at work, and at any moment, which may be in its own start.
      if (round % 2 === 0)
        await poll("something ran", () => (world.ledger.counts().size > ran ? true : undefined), {
          timeoutMs: 90_000,
          detail: () => world.product.describe(),
        });
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 300)));
      await world.product.killAndReturn("workerd");
      ids.push(...(await submitting).map(({ id }) => id));
    }
    await holds(...ids);
  });
});

describe("[F13] the answer to a submission is lost", () => {
  test("the same Idempotency-Key finds the task that was made", { timeout: 120_000 }, async () => {
    await using proxy = await ChaosProxy.listen({ target: { port: world.product.port }, log: () => undefined });
    const work = { nonce: nonce("f13"), lines: 5, pauseMs: 0 };
    const body = { command: nonceCommand(work, world.ledger.file), ...there };
    const key = { "idempotency-key": work.nonce };
    proxy.cutNext({ direction: "down", afterBytes: 1, how: "rst" });
    await expect(world.product.api.at(proxy.url).request("POST", "/api/v1/tasks", body, key)).rejects.toThrow(/fetch failed|terminated/);
    const again = await poll("answered", async () => {
      const answer = await world.product.api.request("POST", "/api/v1/tasks", body, key);
      return answer.status === 201 ? Task.parse(answer.json) : undefined;
    });
    const third = Task.parse((await world.product.api.request("POST", "/api/v1/tasks", body, key)).json);
    expect(third.id).toBe(again.id);
    await world.ended(again.id);
    expect(world.ledger.counts().get(work.nonce)).toBe(1);
  });
});

describe("[F14] D1 takes nothing", () => {
  test("what is queued is started and ended meanwhile; submissions are taken again afterwards", { timeout: 240_000 }, async () => {
    const gate = join(world.product.home.directory("gates"), "f14");
    const first = await world.submit({ nonce: nonce("f14"), lines: 20, pauseMs: 0, until: gate }, there);
    const after = { dependsOn: [{ task: first.id, on: "completion" as const }] };
    const second = await world.submit({ nonce: nonce("f14"), lines: 20, pauseMs: 0 }, { ...there, ...after });
    await runs(first.id);
    const lock = lockDatabase();
    const lockedMs = performance.now();
    try {
      writeFileSync(gate, "");
      // The API may be away as well, since it must know who asks: what runs is seen where it runs.
      await poll("the one that waited has run", () => (world.ledger.counts().has(second.work.nonce) ? true : undefined), {
        timeoutMs: 60_000,
      });
      const leftMs = DATABASE_AWAY_MS - (performance.now() - lockedMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
    } finally {
      lock[Symbol.dispose]();
    }
    const third = await world.submit({ nonce: nonce("f14"), lines: 20, pauseMs: 0 }, there);
    await holds(first.id, second.id, third.id);
  });

  /** Nobody else's write is taken while this holds. */
  function lockDatabase(): Disposable {
    const folder = join(world.product.home.path, "control-plane", "state", "d1", "miniflare-D1DatabaseObject");
    const file = readdirSync(folder).find((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite") ?? "";
    const db = new DatabaseSync(join(folder, file));
    db.exec("begin immediate");
    return {
      [Symbol.dispose]: () => {
        db.exec("rollback");
        db.close();
      },
    };
  }
});

describe("[F31] a file of an attempt, or a write-ahead log, ends in the middle", () => {
  test(
    "each file of a finished and of a running attempt cut short: the host comes back, and says what it found",
    { timeout: 240_000 },
    async () => {
      const { id } = await world.submit({ nonce: nonce("f31"), lines: 10, pauseMs: 5_000 }, there);
      const { attempts } = await runs(id);
      const directory = join(attemptsDirectory(host.home), attempts[0]?.id ?? "");
      const rewritten = () => readdirSync(directory).filter((file) => /^(usage|lease|cancel|end)/.test(file));
      await poll("something that is written more than once", () => (rewritten().length > 0 ? true : undefined), { timeoutMs: 30_000 });
      await host.second?.kill("host-agent");
      // What one effect at most may have left half done when the power went: everything that is written more than once, or last.
      for (const name of rewritten()) {
        truncateSync(join(directory, name), Math.floor(statSync(join(directory, name)).size / 2));
      }
      // And a directory whose making was cut short altogether.
      mkdirSync(join(attemptsDirectory(host.home), "att_00000000000000000000000000"), { mode: 0o700 });
      writeFileSync(join(attemptsDirectory(host.home), "att_00000000000000000000000000", "intent.json"), '{"version":1,"att');
      host.second?.run();
      await world.product.api.hostOnline("second");
      await holds(id);
      const { id: next } = await world.submit({ nonce: nonce("f31"), lines: 10, pauseMs: 0 }, there);
      await holds(next);
      expect(host.second?.log).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    },
  );

  test("the control plane's databases: what was written before is there, what is unfinished ends once", { timeout: 240_000 }, async () => {
    const before = await world.submit({ nonce: nonce("f31"), lines: 10, pauseMs: 0 }, there);
    await world.ended(before.id);
    const open = await world.submit({ nonce: nonce("f31"), lines: 10, pauseMs: 4_000 }, there);
    await runs(open.id);
    await world.product.down();
    const state = join(world.product.home.path, "control-plane", "state");
    const logs = readdirSync(state, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("-wal"));
    const filled = logs.filter((name) => statSync(join(state, name)).size > 0);
    expect(filled.length).toBeGreaterThan(0);
    // A torn last page, as a power loss leaves it: its frame's checksum does not hold, so it was never committed.
    for (const name of filled) writeFileSync(join(state, name), Buffer.alloc(1_000, 0x5a), { flag: "a" });
    await world.product.upAgain();
    await holds(before.id, open.id);
  });
});

describe("[F40] upgraded with twenty tasks running", () => {
  test("all twenty are adopted, none runs again", { timeout: 240_000 }, async () => {
    const gate = join(world.product.home.directory("gates"), "f40");
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push((await world.submit({ nonce: nonce("f40"), lines: 100, pauseMs: 0, until: gate }, there)).id);
    await poll("all running", () => (world.running(host).length === 20 ? true : undefined), {
      timeoutMs: 30_000,
      detail: () => world.describe(ids[0] ?? ""),
    });
    const runners = world.running(host).map(({ runner }) => runner);
    const agent = await host.second?.running("host-agent");
    const next = copyOfTheBuild();
    try {
      const links = () => host.second?.log.match(/^\S+ +info +the link is up/gm)?.length ?? 0;
      const before = links();
      install(host.home, next);
      await poll("linked again by the new version", () => (links() > before ? true : undefined), {
        timeoutMs: 60_000,
        detail: () => host.second?.log ?? "",
      });
      expect(await host.second?.running("host-agent")).toBe(agent);
      // And at once again, by force.
      await killHostAgent(world, host);
      expect(runners.filter((pid) => isAlive(pid))).toHaveLength(20);
      writeFileSync(gate, "");
      await holds(...ids);
      for (const id of ids) expect((await world.task(id)).attempts).toHaveLength(1);
    } finally {
      install(host.home);
      rmSync(dirname(next), { recursive: true, force: true });
    }
  });

  /** `host-agent/` of another version: another place, the same program. */
  function copyOfTheBuild(): string {
    const place = join(mkdtempSync(join(tmpdir(), "f40-")), "host-agent");
    cpSync(dirname(BUNDLE), join(place, "dist"), { recursive: true });
    cpSync(join(root, "host-agent", "package.json"), join(place, "package.json"));
    symlinkSync(join(root, "host-agent", "node_modules"), join(place, "node_modules"));
    return place;
  }
});
