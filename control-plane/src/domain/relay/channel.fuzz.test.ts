/**
 * [VW4] [CH1] Seeded fuzz of one channel: random output, acknowledgements, redials, wakes, gaps, link cuts and epochs
 * against the very Channel that runs. Each viewer's assembled bytes must equal the program's between its screens.
 */
import { expect, test } from "vitest";
import { Faults, type Fault } from "./testing/fuzz-faults.ts";
import { seeded, Violation } from "./testing/fuzz-program.ts";
import { FuzzWorld } from "./testing/fuzz-world.ts";

/** Those first that a planted fault does not get through. */
const PLANTED_SEEDS = Array.from({ length: 12 }, (_, i) => 12 - i);
const SEEDS = Array.from({ length: Number(process.env["FUZZ_SEEDS"] ?? (process.env["MAESTRO_FULL"] === "1" ? 24 : 6)) }, (_, i) => i + 1);
const STEPS = 1000;
const MAX_VIEWERS = 6;
/** It only computes; a busy machine may take long over it. */
const PATIENCE_MS = 60_000;

function run(seed: number, fault?: Fault): FuzzWorld["totals"] {
  const random = seeded(seed);
  const int = (max: number): number => Math.floor(random() * max);
  // In some, what the viewers may be owed together does not fit.
  const world = new FuzzWorld(random, seed % 3 === 0 ? 250_000 : undefined, new Faults(fault));
  const { host, viewers } = world;
  const leaveOne = (): void => {
    const viewer = viewers[int(viewers.length)];
    if (viewer === undefined) return;
    world.leave(viewer, random() < 0.5);
    // Often comes back with what it has; what was in its inbox is lost.
    if (random() < 0.7) world.join(viewer.shown);
  };
  world.join(undefined);
  for (let step = 0; step < STEPS; step++) {
    const dice = random();
    if (dice < 0.25) {
      host.write(1 + int(dice < 0.02 ? 600_000 : 60_000));
      host.trim();
    } else if (dice < 0.45) host.pump();
    else if (dice < 0.6) world.toHost();
    else if (dice < 0.8) for (let i = 0; i < 4; i++) world.toRelay();
    const viewer = viewers[int(viewers.length)];
    if (viewer !== undefined && dice > 0.3) {
      for (let i = int(6); i > 0; i--) world.toViewer(viewer);
      if (random() < 0.5) world.confirm(viewer, random() < 0.3 ? 1 : random());
    }
    if (random() < 0.02 && viewers.length < MAX_VIEWERS) world.join(undefined);
    if (random() < 0.015) leaveOne();
    if (random() < 0.006) world.wake();
    if (random() < 0.004) world.cutLink();
    if (random() < 0.001) host.beginEpoch();
    if (viewer !== undefined && random() < 0.01) world.history(viewer);
    world.checkMemory();
  }
  // The program floods, and everybody reloads: what they see next may be far ahead of what is sent.
  if (random() < 0.5) {
    host.write(1 + int(900_000));
    for (const viewer of [...viewers]) {
      world.leave(viewer, random() < 0.5);
      if (random() < 0.7) world.join(undefined);
    }
  }
  if (viewers.length === 0) world.join(undefined);
  world.settle();
  return world.totals;
}

test(
  "[VW4] [CH4] [CH5] whatever happens, every viewer shows what the program wrote",
  () => {
    const total = { taken: 0, gaps: 0, snapshots: 0, beyond: 0 };
    for (const seed of SEEDS) {
      try {
        const { taken, gaps, snapshots, beyond } = run(seed);
        total.taken += taken;
        total.gaps += gaps;
        total.snapshots += snapshots;
        total.beyond += beyond;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // Otherwise it proved nothing.
    expect(total.taken).toBeGreaterThan(1_000_000);
    expect(total.gaps).toBeGreaterThan(10);
    expect(total.snapshots).toBeGreaterThan(10);
    expect(total.beyond).toBeGreaterThan(10);
  },
  PATIENCE_MS,
);

test.each([
  ["a frame that is moved by a byte", "corruptOffset"],
  ["a frame that is repeated under another offset", "twice"],
  ["a frame that is lost", "dropFrame"],
  ["credit that is not counted", "ignoreCredit"],
  ["a host that is not told that viewers are ahead of it", "muteAhead"],
  ["a screen that is announced for another place", "shiftScreen"],
] as const)(
  "[VW4] the fuzz notices %s",
  (_what, fault) => {
    const noticed = PLANTED_SEEDS.some((seed) => {
      try {
        run(seed, fault);
        return false;
      } catch (error) {
        if (error instanceof Violation) return true;
        throw error;
      }
    });
    expect(noticed).toBe(true);
  },
  PATIENCE_MS,
);
