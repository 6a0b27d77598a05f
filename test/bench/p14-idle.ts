/**
 * P14: sixty seconds idle with pings. Seen from outside: whenever a HostRelay is constructed anew it sends `sync` to its
 * viewers [VW4]. So while nothing happens no `sync` may come (no handler was invoked), and the first key afterwards must
 * bring one (the object had hibernated). Rows: no file of the embedded state may change. A machine whose load moves is
 * not idle: its host then reports metrics [LK8]. So the machine stands still where that can be had; elsewhere a
 * report is seen on a tap of the link, and the round is taken again.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { rawCat } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { canStandStill, stillMachine } from "../support/still-machine.ts";
import type { Viewer } from "../support/viewer.ts";
import { tapWebSocket, type WsTap } from "../support/ws-tap.ts";
import { echo } from "./echo.ts";
import type { Gate } from "./gate.ts";
import { writer } from "./rig.ts";

const IDLE_MS = 60_000;
/** An idle object hibernates after about 10 s; what is measured begins when that is over. */
const SETTLE_MS = 15_000;
const PING_MS = 20_000;
/** Rounds taken again because the machine was busy, over the whole gate. */
const MAX_REPEATS = 5;

export const p14: Gate = {
  id: "P14",
  title: "60 s idle with pings: nothing runs, nothing is written, the object hibernates",
  async run(rig) {
    const home = new TestHome();
    const stands = canStandStill();
    const still = stands ? { spawn: stillMachine(join(home.path, "still")) } : {};
    await using product = await rig.freshProduct({ home, ...still });
    const tap = await tapWebSocket({ target: { port: product.port }, log: () => undefined }, []);
    await using _proxy = tap.proxy;
    await product.joinHost("idle", { through: tap.proxy.url, ...still });
    const { id } = await product.api.createSession({ host: "idle", argv: [...rawCat], backend: "pty" });
    const viewer = await writer(product, id);
    const state = join(product.home.path, "control-plane", "state");
    const invocations: number[] = [];
    const rows: number[] = [];
    const hibernated: number[] = [];
    let repeats = 0;
    await echo(viewer, 5);
    await rig.interleave({
      idle: async () => {
        for (;;) {
          const round = await idleRound(viewer, tap, state);
          rig.progress(
            `${round.wakes} wake-ups, ${round.files} files written, ${round.metrics} metrics reports, ${round.hibernated ? "hibernated" : "awake"}`,
          );
          if (round.metrics > 0 && repeats < MAX_REPEATS) {
            repeats++;
            rig.progress(`the machine was not idle (${round.metrics} metrics reports); the round is taken again`);
            continue;
          }
          invocations.push(round.wakes);
          rows.push(round.files);
          hibernated.push(round.hibernated ? 1 : 0);
          return;
        }
      },
    });
    await viewer[Symbol.asyncDispose]();
    // One more than the count over one: zero of something has no ratio.
    const none = (values: readonly number[]) => values.map((value) => value + 1);
    return {
      parts: [
        {
          name: "1 + wake-ups while idle",
          unit: "count",
          values: [...none(invocations).fill(1 + Math.max(...invocations))],
          references: [1],
          limit: { atMost: 1 },
        },
        {
          name: "1 + state files written while idle",
          unit: "count",
          values: [...none(rows).fill(1 + Math.max(...rows))],
          references: [1],
          limit: { atMost: 1 },
        },
        {
          name: "hibernated",
          unit: "share",
          values: hibernated.map(() => Math.min(...hibernated)),
          references: [1],
          limit: { atLeast: 1 },
        },
      ],
      told: { "the machine stood still": stands ? "yes" : "no", "rounds taken again because the machine was busy": repeats },
    };
  },
};

interface IdleRound {
  wakes: number;
  files: number;
  hibernated: boolean;
  /** Reports of a changed load: the machine's doing, not the product's. */
  metrics: number;
}

async function idleRound(viewer: Viewer, tap: WsTap, state: string): Promise<IdleRound> {
  await sleep(SETTLE_MS);
  const before = { syncs: syncs(viewer), files: written(state), metrics: metricsSeen(tap) };
  for (let waited = 0; waited < IDLE_MS; waited += PING_MS) {
    viewer.sendText("ping");
    await sleep(PING_MS);
  }
  const wakes = syncs(viewer) - before.syncs;
  const files = changes(before.files, written(state));
  const metrics = metricsSeen(tap) - before.metrics;
  const asleep = syncs(viewer);
  await echo(viewer, 1);
  return { wakes, files, metrics, hibernated: syncs(viewer) > asleep };
}

const metricsSeen = (tap: WsTap): number => tap.seen.up.filter((text) => text.startsWith('{"t":"metrics"')).length;

const syncs = (viewer: Viewer): number => viewer.frames.filter((frame) => frame.t === "sync").length;
/** The one place where nothing is to happen: time itself is what is measured. */
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function written(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = statSync(file);
      return [file, `${size} ${mtimeMs}`];
    }),
  );
}

const changes = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number =>
  [...after].filter(([file, state]) => before.get(file) !== state).length;
