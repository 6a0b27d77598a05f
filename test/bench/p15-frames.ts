/** P15: binary frames on the link during a 100 MB flood, counted on the wire, against the PTY's reads. */
import type { Transform } from "../support/chaos-lane.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { floodArgv, openFlood } from "../support/flood.ts";
import { wholeFrames } from "../support/ws-frames.ts";
import type { Gate } from "./gate.ts";
import { ptySpawn } from "./reference/pty.ts";
import { within } from "../support/wait.ts";
import { writer } from "./rig.ts";

const BYTES = 100_000_000;
const MAX_FRAMES_PER_SECOND = 1_000;

export const p15: Gate = {
  id: "P15",
  title: "frames on the link in a 100 MB flood",
  async run(rig) {
    await using product = await rig.freshProduct();
    const counter = { binary: 0 };
    await using proxy = await ChaosProxy.listen({
      target: { port: product.port },
      log: () => undefined,
      transform: (direction) => (direction === "up" ? counting(counter) : (chunk) => [chunk]),
    });
    await product.joinHost("framed", { through: proxy.url });
    const perSecond: number[] = [];
    const frames: number[] = [];
    const reads: number[] = [];
    await rig.interleave({
      product: async (round) => {
        const flood = await openFlood(product.api, { bytes: BYTES, seed: round }, { host: "framed" });
        const viewer = await writer(product, flood.session);
        const capture = viewer.capture(BYTES);
        const before = counter.binary;
        const startedMs = performance.now();
        flood.go(viewer);
        await capture.accounts(BYTES, 180_000);
        const count = counter.binary - before;
        frames.push(count);
        perSecond.push(count / ((performance.now() - startedMs) / 1000));
        await viewer[Symbol.asyncDispose]();
        await product.api.killSession(flood.session);
      },
      reads: async (round) => void reads.push(await ptyReads(round)),
    });
    return {
      parts: [
        { name: "frames per second", unit: "1/s", values: perSecond, references: [MAX_FRAMES_PER_SECOND], limit: { atMost: 1 } },
        { name: "frames per PTY read", unit: "count", values: frames, references: reads, limit: { atMost: 1 / 8 } },
      ],
    };
  },
};

/** Reads that a bare PTY reader makes of the same flood. */
async function ptyReads(seed: number): Promise<number> {
  const terminal = ptySpawn(floodArgv({ bytes: BYTES, seed, now: true, stay: true }));
  let reads = 0;
  let bytes = 0;
  const all = new Promise<void>((resolve) => {
    terminal.onData((data) => {
      reads++;
      bytes += data.byteLength;
      if (bytes >= BYTES) resolve();
    });
  });
  await within(120_000, "bare PTY", all);
  terminal.kill();
  return reads;
}

function counting(counter: { binary: number }): Transform {
  const frames = wholeFrames();
  return (chunk) => {
    for (const frame of frames(chunk).frames) if (frame.opcode === 2) counter.binary++;
    return [chunk];
  };
}
