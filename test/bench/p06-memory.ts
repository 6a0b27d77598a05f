/** P6: what workerd's memory grows by under a flood to a slow viewer, and beside a stalled one. */
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { openFlood, type Flood } from "../support/flood.ts";
import type { Product } from "../support/maestro.ts";
import { residentBytes } from "../support/processes.ts";
import type { Viewer } from "../support/viewer.ts";
import type { Gate } from "./gate.ts";
import { writer } from "./rig.ts";

const MB = 1_000_000;
const BYTES = 100 * MB;
const SLOW_BYTES_PER_SECOND = 10 * MB;
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const SAMPLE_MS = 25;

export const p6: Gate = {
  id: "P6",
  title: "relay memory under flood",
  async run(rig) {
    await using product = await rig.freshProduct();
    const workerd = await product.running("workerd");
    // What a relay needs once for its first viewers and bytes is not growth under load.
    await grows(workerd, () => flooded(product, 5 * MB, 0, () => Promise.resolve([])));
    const slow: number[] = [];
    const stalled: number[] = [];
    await rig.interleave({
      slow: async (round) => void slow.push(await grows(workerd, () => slowViewer(product, round))),
      stalled: async (round) =>
        void stalled.push(await grows(workerd, () => flooded(product, BYTES, round, (flood) => stalledViewer(product, flood)))),
    });
    const limit = { atMost: 1 } as const;
    return {
      parts: [
        { name: "10 MB/s viewer", unit: "bytes", values: slow, references: [MAX_GROWTH_BYTES], limit },
        { name: "stalled viewer", unit: "bytes", values: stalled, references: [MAX_GROWTH_BYTES], limit },
      ],
      told: { "workerd resident at the end, MiB": Math.round(residentBytes(workerd) / 1024 / 1024) },
    };
  },
};

/** Peak resident memory during `load` above that before it. */
async function grows(pid: number, load: () => Promise<void>): Promise<number> {
  const before = residentBytes(pid);
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid))), SAMPLE_MS);
  try {
    await load();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, residentBytes(pid)) - before;
}

/** The whole way to the viewer is narrow: what the relay would send too much piles up in workerd. */
async function slowViewer(product: Product, round: number): Promise<void> {
  await using proxy = await ChaosProxy.listen({ target: { port: product.port }, log: () => undefined });
  const flood = await openFlood(product.api, { bytes: BYTES / 4, seed: round });
  const viewer = await writer(product, flood.session, { url: proxy.url });
  proxy.bandwidth(SLOW_BYTES_PER_SECOND);
  const capture = viewer.capture(flood.bytes);
  flood.go(viewer);
  await capture.accounts(flood.bytes, 120_000);
  await viewer[Symbol.asyncDispose]();
  await product.api.killSession(flood.session);
}

async function flooded(
  product: Product,
  bytes: number,
  round: number,
  beside: (flood: Flood) => Promise<readonly Viewer[]>,
): Promise<void> {
  const flood = await openFlood(product.api, { bytes, seed: round });
  const viewer = await writer(product, flood.session);
  const others = await beside(flood);
  const capture = viewer.capture(bytes);
  flood.go(viewer);
  await capture.accounts(bytes, 120_000);
  for (const one of [viewer, ...others]) await one[Symbol.asyncDispose]();
  await product.api.killSession(flood.session);
}

async function stalledViewer(product: Product, { session }: Flood): Promise<Viewer[]> {
  const viewer = await product.attach(session, { readOnly: true });
  viewer.stall("socket");
  return [viewer];
}
