/** What a cycle of chaos does: each fault is done and undone, and says what it did. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestHome } from "../support/home.ts";
import { SecondHost } from "../support/maestro.ts";
import type { Random } from "../support/random.ts";
import type { NonceTask } from "../support/nonce.ts";
import { attemptsDirectory, type NonceBody, type TaskWorld, type WorldHost } from "../support/task-world.ts";
import { poll } from "../support/wait.ts";
import { kill, pickHost, VICTIMS, type Victim } from "./kills.ts";

/** The world with what only chaos has: a machine whose clock can be set, one whose disk is small, an agent with little memory. */
export interface ChaosWorld {
  world: TaskWorld;
  random: Random;
  timeScale: number;
  clock: { host: string; file: string } | undefined;
  disk: { host: string; path: string } | undefined;
  hog: { agent: string } | undefined;
  /** Submits one more task, which the account then holds. */
  submit(work?: Partial<NonceTask>, body?: NonceBody): Promise<string>;
}

export interface ChaosFault {
  name: string;
  /** Out of all of them. */
  weight: number;
  possible(chaos: ChaosWorld): boolean;
  inflict(chaos: ChaosWorld): Promise<string>;
}

const always = () => true;
const killing = (victim: Victim, weight: number): ChaosFault => ({
  name: `kill ${victim}`,
  weight,
  possible: always,
  inflict: async ({ world, random }) => (await kill(world, victim, random)) ?? "nothing of the kind ran",
});

const SILENCE_MS = 400;
const FLOOD_LINES = 150_000;
const FULL_MS = 500;

export const FAULTS: readonly ChaosFault[] = [
  killing("host-agent", 6),
  killing("runner", 4),
  killing("workerd", 5),
  killing("control-plane", 1),
  killing("holder", 2),
  killing("link", 4),
  { name: "both at once", weight: 2, possible: always, inflict: killTwo },
  { name: "silence", weight: 2, possible: always, inflict: silence },
  { name: "flood", weight: 2, possible: always, inflict: flood },
  { name: "cancel", weight: 2, possible: always, inflict: cancel },
  { name: "memory", weight: 1, possible: ({ hog }) => hog !== undefined, inflict: memory },
  { name: "clock", weight: 2, possible: ({ clock }) => clock !== undefined, inflict: clockStep },
  { name: "disk full", weight: 1, possible: ({ disk }) => disk !== undefined, inflict: diskFull },
  { name: "copied identity", weight: 0.2, possible: always, inflict: copiedIdentity },
];

export function pickFault(chaos: ChaosWorld): ChaosFault {
  const possible = FAULTS.filter((fault) => fault.possible(chaos));
  let left = chaos.random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  const found = possible.find(({ weight }) => (left -= weight) < 0) ?? possible[0];
  if (found === undefined) throw new Error("no fault is possible");
  return found;
}

async function killTwo({ world, random }: ChaosWorld): Promise<string> {
  const first = random.pick(VICTIMS);
  const others = VICTIMS.filter((victim) => victim !== first && !(first === "control-plane" && victim === "workerd"));
  const second = others[random.int(0, others.length - 1)] ?? "link";
  // The control plane's death takes workerd with it; who waits for one of them must not be confused by the other's return.
  if (first === "workerd" && second === "control-plane") return (await kill(world, second, random)) ?? "";
  return (await Promise.all([kill(world, first, random), kill(world, second, random)])).join(" and ");
}

async function silence({ world, random }: ChaosWorld): Promise<string> {
  const linked = world.hosts.filter(({ proxy }) => proxy !== undefined);
  const one = linked[random.int(0, linked.length - 1)];
  const direction = random.pick(["up", "down", "both"]);
  one?.proxy?.blackhole(direction);
  await elapse(random.int(1, SILENCE_MS));
  one?.proxy?.heal();
  return `${direction} of ${one?.name ?? "nobody"}`;
}

async function flood({ submit }: ChaosWorld): Promise<string> {
  return `by ${await submit({ lines: FLOOD_LINES, pauseMs: 0 })}`;
}

async function cancel({ world, random, submit }: ChaosWorld): Promise<string> {
  const id = await submit({ pauseMs: 60_000 });
  world.submitted.get(id)?.excuses.add("cancelled");
  await elapse(random.int(0, 300));
  await poll(
    "cancel taken",
    async () => ((await world.api.request("POST", `/api/v1/tasks/${id}/cancel`, { reason: "chaos" })).status < 500 ? true : undefined),
    {
      timeoutMs: 60_000,
    },
  );
  return id;
}

async function memory({ world, hog, submit }: ChaosWorld): Promise<string> {
  const id = await submit({ hog: true, pauseMs: 0 }, hog === undefined ? {} : { to: [hog.agent] });
  world.submitted.get(id)?.excuses.add("memory");
  return `of ${id}`;
}

async function clockStep({ clock, random }: ChaosWorld): Promise<string> {
  const seconds = random.pick([0, 3_600, -3_600, 315_360_000, -7]);
  if (clock !== undefined) writeFileSync(clock.file, `${seconds >= 0 ? "+" : ""}${seconds}`);
  return `of ${clock?.host ?? "nobody"} at ${seconds} s`;
}

/** Filled to the last byte for a moment. What was open on that machine then may end because of it, once. */
async function diskFull({ world, disk, random, submit }: ChaosWorld): Promise<string> {
  if (disk === undefined) return "no small disk";
  const host = world.host(disk.host);
  const id = await submit({}, { on: { host: disk.host } });
  await world.excuse("disk_full", host);
  const filler = join(disk.path, "filler");
  try {
    const { bavail, bsize } = statfsSync(disk.path);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
  } catch {
    // As full as it gets.
  }
  await elapse(random.int(50, FULL_MS));
  await world.excuse("disk_full", host);
  rmSync(filler, { force: true });
  return `of ${disk.host}, under ${id}`;
}

/** [F22] Rare, for it takes a person to undo it. */
async function copiedIdentity({ world, random, timeScale }: ChaosWorld): Promise<string> {
  const seconds = world.hosts.filter((host) => host.second !== undefined);
  const host: WorldHost = seconds[random.int(0, seconds.length - 1)] ?? pickHost(world, random);
  const home = new TestHome("c");
  cpSync(host.home.path, home.path, { recursive: true, filter: (path) => !/\.(sock|lock|pid)$|\/(run|attempts|logs)(\/|$)/.test(path) });
  const clone = SecondHost.clone("clone", home, { MAESTRO_TIME_SCALE: String(timeScale) });
  try {
    clone.run();
    const locked = async () =>
      (await world.product.api.hosts()).some(({ name, locked: lock }) => name === host.name && lock !== undefined) ? true : undefined;
    await poll("the copied identity is locked", locked, { timeoutMs: 120_000, everyMs: 100, detail: () => clone.log });
    // Until the other showed itself it was the host: what it took is gone with it.
    for (const attempt of attemptsOf(home)) world.excuseAttempt("host_gone", attempt);
  } finally {
    await clone[Symbol.asyncDispose]();
  }
  const unlocked = await world.product.cli(["host", "unlock", host.name, "--yes"]);
  if (unlocked.code !== 0) throw new Error(`host unlock: ${unlocked.stderr}`);
  if (host.second !== undefined) {
    await host.second.stop();
    host.second.run();
  }
  await world.product.api.hostOnline(host.name, 60_000);
  return `of ${host.name}`;
}

const attemptsOf = (home: TestHome): string[] => {
  const directory = attemptsDirectory(home);
  return existsSync(directory) ? readdirSync(directory) : [];
};

/** Chaos has its own time: what it waits for is nothing but a moment of its seed. */
export const elapse = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A file system of its own, so that it can be full without anything else noticing. Root only: ask `lacking("mounts")` first.
 * Disposed of before the home it lies in is removed, whoever still has files open there; again is harmless.
 */
export function mountSmall(path: string, megabytes: number): Disposable {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=700`, "tmpfs", path]);
  let mounted = true;
  return {
    [Symbol.dispose]: () => {
      if (mounted) execFileSync("umount", ["--lazy", path]);
      mounted = false;
    },
  };
}
