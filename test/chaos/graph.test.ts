/**
 * A graph of ten tasks over three machines, while anything is killed again and again: each ends exactly once with a whole log,
 * and the CLI, the API and the console's own queries say the same of it.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as z from "zod";
import { Queue, Task, isFinal } from "@maestro/shared/contract/tasks";
import { nonceExit, type NonceTask } from "../support/nonce.ts";
import { chooseSeed, seededRandom } from "../support/random.ts";
import { isFullRun } from "../support/system.ts";
import { TaskWorld, type NonceBody } from "../support/task-world.ts";
import { poll } from "../support/wait.ts";
import { elapse } from "./faults.ts";
import { kill, VICTIMS } from "./kills.ts";

const KILLS = Number(process.env["MAESTRO_KILLS"] ?? (isFullRun ? 100 : 6));
/** What is killed again and again rests for up to 15 s: no host may be called lost meanwhile. */
const TIME_SCALE = 0.2;
const HOSTS = ["b", "c"] as const;

/** What each waits for: two roots, a fan, a join, a chain. */
const GRAPH: Readonly<Record<string, readonly string[]>> = {
  a: [],
  b: [],
  c: ["a"],
  d: ["a"],
  e: ["b"],
  f: ["c", "d"],
  g: ["d", "e"],
  h: ["f"],
  i: ["f", "g"],
  j: ["h", "i"],
};

const Status = z.looseObject({ id: z.string(), status: z.string(), exitCode: z.int().optional() });
const Event = z.looseObject({ type: z.string(), subject: z.unknown().optional() });

test(
  `ten tasks over three machines, ${KILLS} kills of anything: each ends exactly once, with a whole log, the same seen from everywhere`,
  { timeout: 120_000 + KILLS * 15_000 },
  async () => {
    const seed = isFullRun ? chooseSeed() : chooseSeed(13);
    const random = seededRandom(seed);
    const account: string[] = [];
    const reproduce = () => `seed ${seed} (MAESTRO_TEST_SEED):\n${account.join("\n")}`;
    console.info(`graph: seed ${seed}`);
    await using world = await TaskWorld.open({ timeScale: TIME_SCALE, others: HOSTS.map((name) => ({ name })) });
    const gates = world.product.home.directory("gates");
    const names = Object.keys(GRAPH);
    const ids = new Map<string, string>();
    for (const [at, name] of names.entries()) {
      // Succeeding ones, and none of them ends before kills have struck while it ran.
      const work: NonceTask = {
        nonce: succeeding(`g${seed.toString(36)}${name}`),
        lines: 200 + at * 300,
        pauseMs: 0,
        until: join(gates, name),
      };
      const host = world.hosts[at % world.hosts.length]?.name ?? "";
      const body: NonceBody = {
        on: { host },
        dependsOn: (GRAPH[name] ?? []).map((other) => ({ task: ids.get(other) ?? "", on: "completion" })),
      };
      ids.set(name, (await world.submit(work, body)).id);
    }
    for (let n = 1; n <= KILLS; n++) {
      await elapse(random.int(0, 300));
      account.push(`${n}: ${(await kill(world, random.pick(VICTIMS), random)) ?? "nothing of the kind ran"}`);
      for (const name of names.slice(0, Math.floor((n * names.length) / KILLS))) writeFileSync(join(gates, name), "");
    }
    const all = [...ids.values()];
    const found = await world.violations(all);
    expect(found, reproduce()).toEqual([]);
    await sameFromEverywhere(world, all, reproduce);
  },
);

async function sameFromEverywhere(world: TaskWorld, ids: readonly string[], reproduce: () => string): Promise<void> {
  // Told a moment after it is so.
  const finished = await poll("every end is told", async () => {
    const { stdout } = await world.product.cli(["events", "--json", "--since", "0", "--limit", "1000"]);
    const lines = stdout.split("\n").filter((line) => line.includes("task.finished"));
    return ids.every((id) => lines.some((line) => line.includes(id))) ? lines : undefined;
  });
  // As the console lists and shows them: see web/src, which asks for exactly these.
  const listed = new Map((await world.api.all(Task, "/api/v1/tasks")).map((task) => [task.id, task]));
  const queue = await world.api.call(Queue, "GET", "/api/v1/queue?show=completed&limit=200");
  for (const id of ids) {
    const task = await world.task(id);
    const cli = await world.product.cliJson(Status, ["task", "status", id]);
    const told = { status: task.status, exitCode: task.exitCode };
    expect(isFinal(task.status), reproduce()).toBe(true);
    expect({ status: cli.status, exitCode: cli.exitCode }, reproduce()).toEqual(told);
    expect({ status: listed.get(id)?.status, exitCode: listed.get(id)?.exitCode }, reproduce()).toEqual(told);
    expect(
      queue.items.filter((item) => item.task === id).map(({ status }) => status),
      reproduce(),
    ).toEqual([task.status]);
    const ran = task.attempts.at(-1);
    const raw = await world.product.cli(["logs", id, "--raw"]);
    const bytes = (await world.log(ran?.id ?? "")) ?? new Uint8Array(0);
    expect(digest(Buffer.from(raw.stdout)), reproduce()).toBe(digest(bytes));
    if (ran?.log?.sha256 !== undefined)
      expect(ran.log, reproduce()).toMatchObject({ bytes: bytes.length, sha256: digest(bytes), complete: true });
    expect(
      finished.filter((line) => JSON.stringify(Event.parse(JSON.parse(line))).includes(id)),
      reproduce(),
    ).toHaveLength(1);
  }
}

/** A nonce near this one whose work succeeds. */
function succeeding(name: string): string {
  for (let n = 0; ; n++) if (nonceExit(`${name}${n}`) === 0) return `${name}${n}`;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
