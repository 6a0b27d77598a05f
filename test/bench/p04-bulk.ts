/** P4: bulk output, complete by sha256, on both backends. */
import { productBulk, relayBulk, tmuxBulk } from "./bulk.ts";
import type { Gate } from "./gate.ts";
import { parseFlood } from "./reference/headless-parser.ts";

const BYTES = 50_000_000;
/** Of a round, for the two by tmux, which are near each other: each has its part of the machine's slow seconds. */
const TURNS_PER_ROUND = 5;

export const p4: Gate = {
  id: "P4",
  title: "bulk of 50 MB, sha256-complete",
  async run(rig) {
    const product = await rig.product();
    const relay = await rig.relay();
    const figures: Record<"pty" | "relay" | "parser" | "tmux" | "bareTmux", number[]> = {
      pty: [],
      relay: [],
      parser: [],
      tmux: [],
      bareTmux: [],
    };
    const load = (round: number) => ({ bytes: BYTES, seed: round + 1 });
    await rig.interleave({
      pty: async (round) => void figures.pty.push(await productBulk(product, "pty", load(round))),
      relay: async (round) => void figures.relay.push(await relayBulk(relay, load(round))),
      parser: async (round) => void figures.parser.push(await parseFlood(round + 1, BYTES)),
    });
    const part = (turn: number) => ({ bytes: BYTES / TURNS_PER_ROUND, seed: turn + 1 });
    await rig.interleave(
      {
        tmux: async (turn) => void figures.tmux.push(await productBulk(product, "tmux", part(turn))),
        bareTmux: async (turn) => void figures.bareTmux.push(await tmuxBulk(part(turn))),
      },
      TURNS_PER_ROUND * rig.rounds,
    );
    const slower = figures.relay.map((figure, round) => Math.min(figure, figures.parser[round] ?? Infinity));
    return {
      parts: [
        { name: "pty", unit: "MB/s", values: figures.pty, references: slower, limit: { atLeast: 0.7 } },
        { name: "tmux", unit: "MB/s", values: figures.tmux, references: figures.bareTmux, limit: { atLeast: 0.9 } },
      ],
    };
  },
};
