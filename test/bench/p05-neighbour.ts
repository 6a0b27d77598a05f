/** P5: echo in one session while another session of the same host floods under a viewer's eyes. */
import { openFlood, rawCat } from "../support/flood.ts";
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate } from "./gate.ts";
import { writer } from "./rig.ts";

const KEYS_PER_ROUND = 200;
/** More than can be written while the keys are measured: the session is killed after them. */
const FLOOD_BYTES = 100_000_000_000;
const MAX_ECHO_MS = 1_000;

export const p5: Gate = {
  id: "P5",
  title: "keystroke echo while a neighbour floods",
  async run(rig) {
    const product = await rig.product();
    const { id } = await product.api.createSession({ argv: [...rawCat], backend: "pty" });
    const viewer = await writer(product, id);
    const idle: EchoFigures[] = [];
    const loud: EchoFigures[] = [];
    await echo(viewer, 100);
    await rig.interleave({
      idle: async () => void idle.push(await echo(viewer, KEYS_PER_ROUND)),
      loud: async (round) => {
        const flood = await openFlood(product.api, { bytes: FLOOD_BYTES, seed: round });
        const watcher = await writer(product, flood.session);
        const capture = watcher.capture();
        flood.go(watcher);
        await capture.reaches(2_000_000, 30_000);
        loud.push(await echo(viewer, KEYS_PER_ROUND));
        await watcher[Symbol.asyncDispose]();
        await product.api.killSession(flood.session);
      },
    });
    await viewer[Symbol.asyncDispose]();
    await product.api.killSession(id);
    return {
      parts: [
        { name: "p50", unit: "ms", values: loud.map(({ p50 }) => p50), references: idle.map(({ p50 }) => p50), limit: { atMost: 2 } },
        { name: "p95", unit: "ms", values: loud.map(({ p95 }) => p95), references: idle.map(({ p95 }) => p95), limit: { atMost: 4 } },
        // Not the median: no echo of any round may take longer.
        {
          name: "max",
          unit: "ms",
          values: loud.map(() => Math.max(...loud.map(({ max }) => max))),
          references: [MAX_ECHO_MS],
          limit: { atMost: 1 },
        },
      ],
    };
  },
};
