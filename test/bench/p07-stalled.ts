/** P7: a healthy viewer's throughput beside a stalled one. */
import { productBulk } from "./bulk.ts";
import type { Gate } from "./gate.ts";

const BYTES = 30_000_000;

export const p7: Gate = {
  id: "P7",
  title: "healthy viewer beside a stalled one",
  async run(rig) {
    const product = await rig.product();
    const alone: number[] = [];
    const beside: number[] = [];
    await rig.interleave({
      alone: async (round) => void alone.push(await productBulk(product, "pty", { bytes: BYTES, seed: round })),
      beside: async (round) => {
        const figure = await productBulk(product, "pty", { bytes: BYTES, seed: round }, async (session) => {
          const stalled = await product.attach(session, { readOnly: true });
          stalled.stall("socket");
          return [stalled];
        });
        beside.push(figure);
      },
    });
    return { parts: [{ name: "throughput", unit: "MB/s", values: beside, references: alone, limit: { atLeast: 0.8 } }] };
  },
};
