/** P1: keystroke echo of the whole product against the minimal relay. */
import { rawCat } from "../support/flood.ts";
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate } from "./gate.ts";
import { writer, type Rig } from "./rig.ts";

const KEYS_PER_ROUND = 100;
/** Short turns, and many: a shared processor is fast and slow by turns of seconds, and both have their part of each. */
const TURNS_PER_ROUND = 8;
/** Both have just been started: compilers warm up, and the product looks for agent CLIs. About three seconds. */
const WARM_UP_KEYS = 1_000;

export interface KeystrokeRounds {
  product: EchoFigures[];
  relay: EchoFigures[];
}

/** Shared with P2, which puts other products beside the same two. */
export async function measureKeystrokes(rig: Rig, beside: Readonly<Record<string, () => Promise<void>>> = {}): Promise<KeystrokeRounds> {
  const product = await rig.product();
  const relay = await rig.relay();
  const { id } = await product.api.createSession({ argv: [...rawCat], backend: "pty" });
  const viewer = await writer(product, id);
  const terminal = await relay.open(rawCat);
  const figures: KeystrokeRounds = { product: [], relay: [] };
  try {
    // `stty raw` must have run, else the line discipline echoes instead of cat.
    for (const one of [viewer, terminal]) await echo(one, WARM_UP_KEYS);
    await rig.interleave(
      {
        product: async () => void figures.product.push(await echo(viewer, KEYS_PER_ROUND)),
        relay: async () => void figures.relay.push(await echo(terminal, KEYS_PER_ROUND)),
        ...beside,
      },
      TURNS_PER_ROUND * rig.rounds,
    );
    return figures;
  } finally {
    await viewer[Symbol.asyncDispose]();
    await terminal[Symbol.asyncDispose]();
    await product.api.killSession(id);
  }
}

export const p1: Gate = {
  id: "P1",
  title: "keystroke echo, whole product, against the minimal relay",
  async run(rig) {
    const { product, relay } = await measureKeystrokes(rig);
    return {
      parts: [
        { name: "p50", unit: "ms", values: product.map(({ p50 }) => p50), references: relay.map(({ p50 }) => p50), limit: { atMost: 1.5 } },
        { name: "p95", unit: "ms", values: product.map(({ p95 }) => p95), references: relay.map(({ p95 }) => p95), limit: { atMost: 2 } },
      ],
    };
  },
};
