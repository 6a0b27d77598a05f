/** One part of one machine killed, and brought back as its machine would: `up` restarts its own, a service manager the others'. */
import type { Part, Product, SecondHost } from "../support/maestro.ts";
import { killAndWait, signalTo } from "../support/processes.ts";
import type { Random } from "../support/random.ts";
import type { TaskWorld, WorldHost } from "../support/task-world.ts";
import { poll } from "../support/wait.ts";

const RUNNER_MS = 1_000;
const BACK_MS = 90_000;

export type Victim = "host-agent" | "runner" | "workerd" | "control-plane" | "holder" | "link";

export const VICTIMS: readonly [Victim, ...Victim[]] = ["host-agent", "runner", "workerd", "control-plane", "holder", "link"];

/** Kills it now. Answers what was done, for the account; undefined when there was nothing of the kind. */
export async function kill(world: TaskWorld, victim: Victim, random: Random): Promise<string | undefined> {
  const host = pickHost(world, random);
  switch (victim) {
    case "host-agent":
      await killHostAgent(world, host);
      return `host-agent of ${host.name}`;
    case "holder":
      await killPart(host.second ?? world.product, "holder");
      return `holder of ${host.name}`;
    case "runner":
      return killRunner(world, random);
    case "workerd":
    case "control-plane":
      await back(world.product, victim, await killPart(world.product, victim));
      await world.product.running("workerd", BACK_MS);
      return victim;
    case "link": {
      const linked = world.hosts.filter(({ proxy }) => proxy !== undefined);
      const one = linked[random.int(0, linked.length - 1)];
      one?.proxy?.cutAll(random.pick(["rst", "fin"]));
      return one === undefined ? undefined : `link of ${one.name}`;
    }
  }
}

export async function killHostAgent(world: TaskWorld, host: WorldHost): Promise<void> {
  if (host.second === undefined) {
    await back(world.product, "host-agent", await killPart(world.product, "host-agent"));
    // What it said while it was being killed is not the next one's word.
    await heardAgain(world, host, Date.now());
    return;
  }
  await killPart(host.second, "host-agent");
  host.second.run();
}

/** What dies again and again is given longer and longer to rest by its supervisor: up to a quarter of a minute. */
async function killPart(of: Product | SecondHost, part: Part): Promise<number> {
  const pid = await of.running(part, BACK_MS);
  await killAndWait(pid);
  return pid;
}

const back = (of: Product, part: Part, old: number): Promise<number> =>
  poll(`${part} back`, () => (of.pid(part) === old ? undefined : of.pid(part)), {
    timeoutMs: BACK_MS,
    everyMs: 25,
    detail: () => of.describe(),
  });

/**
 * [TK2] The rests of its supervisor are those of the product, whatever the time scale: 15 s each, and at the smallest scale two
 * of them with no word in between are as long as it takes to be called lost, which is then what the host is.
 */
const heardAgain = (world: TaskWorld, { name }: WorldHost, sinceMs: number): Promise<true> =>
  poll(
    `host ${name} heard of again`,
    async () => {
      const hosts = await world.api.hosts().catch(() => []);
      return hosts.some((host) => host.name === name && Date.parse(host.lastSeenAt ?? "") > sinceMs) ? true : undefined;
    },
    { timeoutMs: BACK_MS, everyMs: 50, detail: () => world.product.describe() },
  );

/** A runner is killed alone: what it ran is for the host to find and end. Work starts within a moment, if there is any. */
async function killRunner(world: TaskWorld, random: Random): Promise<string | undefined> {
  const look = () => world.hosts.flatMap((host) => world.running(host).map((found) => ({ host, ...found })));
  const alive = await poll("a runner", () => (look().length > 0 ? look() : undefined), { timeoutMs: RUNNER_MS, everyMs: 10 }).catch(
    () => [],
  );
  const one = alive[random.int(0, Math.max(0, alive.length - 1))];
  if (one === undefined) return undefined;
  // Excused before the kill: whether it came before the exit file or after is not known to anybody.
  world.excuseAttempt("runner_killed", one.attempt);
  return signalTo(one.runner, "SIGKILL") ? `runner ${one.runner} of ${one.attempt} on ${one.host.name}` : undefined;
}

export const pickHost = (world: TaskWorld, random: Random): WorldHost => {
  const host = world.hosts[random.int(0, world.hosts.length - 1)];
  if (host === undefined) throw new Error("a world without hosts");
  return host;
};
