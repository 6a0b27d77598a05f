/**
 * P2: keystroke echo against products. WeTTY comes from npm and is measured beside; VibeTunnel's package has no
 * prebuilt parts for this Node, and AI Maestro is in no registry, so their measured ratio to the minimal relay stands in.
 */
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate, Part } from "./gate.ts";
import { measureKeystrokes } from "./p01-keystroke.ts";
import { startWetty, type Peer } from "./peers/wetty.ts";

const KEYS_PER_ROUND = 100;
/** Medians of `performance.md`, ms; all measured on one machine with the minimal relay at 0.53. */
const MEASURED = { relay: 0.53, vibeTunnel: 1.58, wetty: 2.67, aiMaestro: 1.45 } as const;

export const p2: Gate = {
  id: "P2",
  title: "keystroke echo against other products",
  async run(rig) {
    let peer: Peer | undefined;
    let missing = "";
    try {
      rig.progress("installing WeTTY from npm");
      peer = await startWetty();
      await echo(peer.terminal, 50);
    } catch (error) {
      missing = `; WeTTY was not measured here (${error instanceof Error ? error.message.split("\n")[0] : String(error)}), its measured ratio stands in`;
    }
    const wetty: EchoFigures[] = [];
    try {
      const measured = peer;
      const { product, relay } = await measureKeystrokes(
        rig,
        measured === undefined ? {} : { wetty: async () => void wetty.push(await echo(measured.terminal, KEYS_PER_ROUND)) },
      );
      const values = product.map(({ p50 }) => p50);
      const scaled = (name: keyof typeof MEASURED) => relay.map(({ p50 }) => (p50 * MEASURED[name]) / MEASURED.relay);
      const part = (name: string, references: readonly number[], atMost: number): Part => ({
        name,
        unit: "ms",
        values,
        references,
        limit: { atMost },
      });
      return {
        parts: [
          part("AI Maestro (measured ratio)", scaled("aiMaestro"), 0.6),
          part("VibeTunnel (measured ratio)", scaled("vibeTunnel"), 0.6),
          peer === undefined
            ? part("WeTTY (measured ratio)", scaled("wetty"), 0.4)
            : part(
                "WeTTY 3.2.0",
                wetty.map(({ p50 }) => p50),
                0.4,
              ),
        ],
        note: `AI Maestro and VibeTunnel by their measured ratios to the minimal relay (1.45/0.53, 1.58/0.53)${missing}`,
      };
    } finally {
      await peer?.[Symbol.asyncDispose]();
    }
  },
};
