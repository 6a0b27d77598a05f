/** P9: two hundred idle and twenty chatty sessions, all watched: echo beside them, and what they cost. */
import { rawCat } from "../support/flood.ts";
import type { Product } from "../support/maestro.ts";
import { residentBytes } from "../support/processes.ts";
import type { Viewer } from "../support/viewer.ts";
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate } from "./gate.ts";
import { writer } from "./rig.ts";

const IDLE = 200;
const CHATTY = 20;
const KEYS_PER_ROUND = 200;
const MAX_BYTES_PER_IDLE = 300 * 1000;
/** Sessions made or opened at once. */
const BATCH = 10;
/**
 * Prints a line twenty times a second while the last key typed was `s`. A key that comes with the timeout is in `key`,
 * though `read` fails.
 */
const CHATTER = [
  "/bin/bash",
  "-c",
  'stty raw -echo; on=q; while :; do read -r -N 1 -t 0.05 key; on=${key:-$on}; if [ "$on" = s ]; then printf "a line of output that is about as long as one %s\\r\\n" "$RANDOM"; fi; done',
];

interface Echoing {
  product: Product;
  viewer: Viewer;
}

export const p9: Gate = {
  id: "P9",
  title: "200 idle and 20 chatty sessions",
  async run(rig) {
    await using loaded = await rig.freshProduct();
    const crowd = await echoing(loaded);
    const quiet = await echoing(await rig.product());
    const workerd = await loaded.running("workerd");
    const holder = await loaded.running("holder");
    // First the chatty ones: what the first sessions of all cost once is not the price of one more.
    rig.progress(`opening ${CHATTY} chatty sessions`);
    const chatty = await watch(loaded, await create(loaded, "chatty", CHATTY, CHATTER));
    const atFirst = { workerd: residentBytes(workerd), holder: residentBytes(holder) };
    rig.progress(`opening ${IDLE} idle sessions`);
    const ids = await create(loaded, "idle", IDLE, rawCat);
    // The relay's price of a session is that of having it on a screen; the requests that made it are told apart.
    const created = { workerd: residentBytes(workerd), holder: residentBytes(holder) };
    const idle = await watch(loaded, ids);
    const idleCost = (residentBytes(workerd) - created.workerd) / IDLE;
    const holderCost = residentBytes(holder) - atFirst.holder;
    const unloaded: EchoFigures[] = [];
    const busy: EchoFigures[] = [];
    // The machine is shared: while the unloaded product is measured, the chatty sessions hold their tongues.
    await rig.interleave({
      unloaded: async () => void unloaded.push(await echo(quiet.viewer, KEYS_PER_ROUND)),
      loaded: async () => {
        const heard = chatty.map((viewer) => viewer.capture());
        for (const viewer of chatty) viewer.type("s");
        await Promise.all(heard.map((capture) => capture.reaches(200, 30_000)));
        busy.push(await echo(crowd.viewer, KEYS_PER_ROUND));
        for (const viewer of chatty) viewer.type("q");
      },
    });
    await Promise.all([...idle, ...chatty, crowd.viewer, quiet.viewer].map((viewer) => viewer[Symbol.asyncDispose]()));
    return {
      parts: [
        {
          name: "echo p50",
          unit: "ms",
          values: busy.map(({ p50 }) => p50),
          references: unloaded.map(({ p50 }) => p50),
          limit: { atMost: 1.5 },
        },
        {
          name: "relay per idle session",
          unit: "bytes",
          values: busy.map(() => idleCost),
          references: [MAX_BYTES_PER_IDLE],
          limit: { atMost: 1 },
        },
      ],
      told: {
        "holder per idle session, KB": kilobytes(holderCost),
        "workerd per session made by HTTP, KB": kilobytes(created.workerd - atFirst.workerd),
      },
    };
  },
};

async function echoing(product: Product): Promise<Echoing> {
  const { id } = await product.api.createSession({ argv: [...rawCat], backend: "pty" });
  const viewer = await writer(product, id);
  await echo(viewer, 50);
  return { product, viewer };
}

/** Per idle session. */
const kilobytes = (bytes: number): number => Math.round(bytes / IDLE / 1000);

const create = (product: Product, label: string, count: number, argv: readonly string[]): Promise<string[]> =>
  inBatches(count, async (index) => (await product.api.createSession({ name: `${label}-${index}`, argv: [...argv], backend: "pty" })).id);

const watch = (product: Product, ids: readonly string[]): Promise<Viewer[]> =>
  inBatches(ids.length, (index) => writer(product, ids[index] ?? ""));

async function inBatches<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const from = made.length;
    made.push(...(await Promise.all(Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => make(from + index)))));
  }
  return made;
}
