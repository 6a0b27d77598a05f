/**
 * Seeded chaos on real processes: a stream of tasks over three machines, one fault a cycle, and invariant I checked again and
 * again. `MAESTRO_TEST_SEED` repeats a run, `MAESTRO_CYCLES` its length.
 */
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ApiRefusal } from "../support/api.ts";
import { TestHome } from "../support/home.ts";
import type { NonceTask } from "../support/nonce.ts";
import { chooseSeed, seededRandom, type Random } from "../support/random.ts";
import { isFullRun, lacking } from "../support/system.ts";
import { limitsAreThere, TaskWorld, type NonceBody, type OtherHost } from "../support/task-world.ts";
import { elapse, mountSmall, pickFault, type ChaosWorld } from "./faults.ts";

const CYCLES = Number(process.env["MAESTRO_CYCLES"] ?? (isFullRun ? 500 : 20));
const TIME_SCALE = 0.05;
const TASKS_PER_CYCLE = 3;
const CHECK_EVERY = 5;
const DISK_MB = 64;
const FAKETIME = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
  .map((directory) => join(directory, "faketime", "libfaketime.so.1"))
  .find((file) => existsSync(file));

test(
  `chaos: ${CYCLES} cycles of faults, nothing lost, nothing run twice, every log whole`,
  { timeout: 60_000 + CYCLES * 60_000 },
  async () => {
    // A landing does not depend on luck; the long run looks for what nobody thought of.
    const seed = isFullRun ? chooseSeed() : chooseSeed(13);
    const random = seededRandom(seed);
    console.info(`chaos: seed ${seed}; again with MAESTRO_TEST_SEED=${seed} MAESTRO_CYCLES=${CYCLES}`);
    await using stack = new AsyncDisposableStack();
    const chaos = await openChaos(stack, random);
    const account: string[] = [];
    const reproduce = () => `seed ${seed}, after ${account.length} faults:\n${account.slice(-20).join("\n")}`;
    const checked = new Set<string>();
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      for (let n = random.int(1, TASKS_PER_CYCLE); n > 0; n--) await chaos.submit();
      await elapse(random.int(0, 250));
      const fault = pickFault(chaos);
      account.push(`${cycle}: ${fault.name} …`);
      account[account.length - 1] = `${cycle}: ${fault.name}: ${await fault.inflict(chaos).catch((error: unknown) => {
        throw new Error(`${reproduce()}\n${String(error)}`, { cause: error });
      })}`;
      if (cycle % CHECK_EVERY !== 0 && cycle !== CYCLES) continue;
      const open = [...chaos.world.submitted.keys()].filter((id) => !checked.has(id));
      const found = await chaos.world.violations(open).catch((error: unknown) => {
        throw new Error(`${reproduce()}\n${String(error)}`, { cause: error });
      });
      expect(found, reproduce()).toEqual([]);
      for (const id of open) checked.add(id);
      // Logs that nobody wants any more would fill the small disk, and no fault be to blame for what it refuses then.
      await Promise.all(open.map((id) => chaos.world.cleanUp(id)));
    }
    // Also what was checked long ago has not run again since.
    const twice = [...chaos.world.ledger.counts()].filter(([, count]) => count > 1);
    expect(twice, reproduce()).toEqual([]);
    const audit = await chaos.world.product.cli(["audit", "--verify"]);
    expect({ code: audit.code, stderr: audit.stderr }).toMatchObject({ code: 0 });
    console.info(`chaos: ${chaos.world.submitted.size} tasks, ${account.length} faults\n${account.join("\n")}`);
  },
);

async function openChaos(stack: AsyncDisposableStack, random: Random): Promise<ChaosWorld> {
  const clockHome = new TestHome();
  const clockFile = join(clockHome.directory("clock"), "offset");
  writeFileSync(clockFile, "+0");
  const diskHome = new TestHome();
  const small = lacking("mounts") === undefined && process.getuid?.() === 0;
  const disk = small ? stack.use(mountSmall(diskHome.path, DISK_MB)) : undefined;
  const others: OtherHost[] = [
    { name: "b", home: clockHome, ...(FAKETIME === undefined ? {} : { spawn: clocked(FAKETIME, clockFile) }) },
    { name: "c", home: diskHome },
  ];
  const world = await TaskWorld.open({ timeScale: TIME_SCALE, others, env: { MAESTRO_MAX_CONCURRENT: "6" } });
  stack.use(world);
  stack.use(disk);
  let made = 0;
  let last: string | undefined;
  const submit = async (work: Partial<NonceTask> = {}, body?: NonceBody): Promise<string> => {
    made++;
    const whole: NonceTask = {
      nonce: `${random.seed.toString(36)}-${made}`,
      lines: random.int(1, 400),
      pauseMs: random.int(0, 1_500),
      ...work,
    };
    const chosen = body ?? chosenBody(world, random, last);
    // What it was to wait for may have failed already, which is refused: then it waits for nothing.
    const { id } = await world.submit(whole, chosen).catch((error: unknown) => {
      if (error instanceof ApiRefusal && error.problem?.code === "dependency_failed")
        return world.submit(whole, { ...chosen, dependsOn: [] });
      throw error;
    });
    if (body === undefined) last = id;
    return id;
  };
  return {
    world,
    random,
    timeScale: TIME_SCALE,
    clock: FAKETIME === undefined ? undefined : { host: "b", file: clockFile },
    disk: small ? { host: "c", path: diskHome.path } : undefined,
    hog: await hogAgent(world),
    submit,
  };
}

/** Anywhere, or on a machine of its choice; some hang on the one before. */
function chosenBody(world: TaskWorld, random: Random, last: string | undefined): NonceBody {
  const where = random.int(0, world.hosts.length);
  const host = world.hosts[where]?.name;
  const hangs = last !== undefined && random.next() < 0.3;
  return {
    ...(host === undefined ? {} : { on: { host } }),
    ...(hangs ? { dependsOn: [{ task: last, on: random.pick(["completion", "success"]) }] } : {}),
    priority: random.int(1, 5),
  };
}

async function hogAgent(world: TaskWorld): Promise<{ agent: string } | undefined> {
  if (!limitsAreThere()) return undefined;
  const { api } = world.product;
  const type = await api.request("POST", "/api/v1/agent-types", { slug: "hog", adapter: "shell", resource_limits: { memory: "48m" } });
  if (type.status >= 400) throw new Error(type.text);
  const { name } = await api.createAgent({ type: "hog", host: world.hosts[0]?.name ?? "", workspace: world.product.home.directory("hog") });
  return { agent: name };
}

/** The calendar only: a machine whose monotonic clock lies is not what is meant. */
const clocked =
  (library: string, file: string): NonNullable<OtherHost["spawn"]> =>
  ([program = "", ...args], options) =>
    spawn(program, args, {
      ...options,
      env: {
        ...options.env,
        LD_PRELOAD: library,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        DONT_FAKE_MONOTONIC: "1",
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
      },
    });
