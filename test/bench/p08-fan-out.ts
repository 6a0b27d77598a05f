/** P8: fifty viewers of one session: echo at the last of them, and all their bytes together. */
import { createHash } from "node:crypto";
import { floodArgv, openFlood, rawCat } from "../support/flood.ts";
import type { Product } from "../support/maestro.ts";
import { within } from "../support/wait.ts";
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate } from "./gate.ts";
import type { ReferenceRelay } from "./reference/relay.ts";
import { writer } from "./rig.ts";

const VIEWERS = 50;
const KEYS_PER_ROUND = 100;
const BYTES = 4_000_000;

export const p8: Gate = {
  id: "P8",
  title: "50 viewers of one session",
  async run(rig) {
    const product = await rig.product();
    const relay = await rig.relay();
    const figures = {
      product: new Array<EchoFigures>(),
      relay: new Array<EchoFigures>(),
      productRate: new Array<number>(),
      relayRate: new Array<number>(),
    };
    await rig.interleave({
      product: async () => void figures.product.push(await productEcho(product)),
      relay: async () => void figures.relay.push(await relayEcho(relay)),
      productRate: async (round) => void figures.productRate.push(await productAggregate(product, round)),
      relayRate: async (round) => void figures.relayRate.push(await relayAggregate(relay, round)),
    });
    return {
      parts: [
        {
          name: "echo at the last",
          unit: "ms",
          values: figures.product.map(({ p50 }) => p50),
          references: figures.relay.map(({ p50 }) => p50),
          limit: { atMost: 2 },
        },
        { name: "aggregate", unit: "MB/s", values: figures.productRate, references: figures.relayRate, limit: { atLeast: 0.7 } },
      ],
    };
  },
};

async function productEcho(product: Product): Promise<EchoFigures> {
  const { id } = await product.api.createSession({ argv: [...rawCat], backend: "pty" });
  const viewer = await writer(product, id);
  const others = await Promise.all(Array.from({ length: VIEWERS - 1 }, () => product.attach(id, { readOnly: true })));
  try {
    await echo(viewer, 20, others);
    return await echo(viewer, KEYS_PER_ROUND, others);
  } finally {
    await Promise.all([viewer, ...others].map((one) => one[Symbol.asyncDispose]()));
    await product.api.killSession(id);
  }
}

async function relayEcho(relay: ReferenceRelay): Promise<EchoFigures> {
  await using terminal = await relay.open(rawCat);
  const others = await Promise.all(Array.from({ length: VIEWERS - 1 }, () => terminal.viewer()));
  await echo(terminal, 20, others);
  const figures = await echo(terminal, KEYS_PER_ROUND, others);
  for (const other of others) other[Symbol.dispose]();
  return figures;
}

async function productAggregate(product: Product, round: number): Promise<number> {
  const flood = await openFlood(product.api, { bytes: BYTES, seed: round });
  const viewer = await writer(product, flood.session);
  const others = await Promise.all(Array.from({ length: VIEWERS - 1 }, () => product.attach(flood.session, { readOnly: true })));
  const captures = [viewer, ...others].map((one) => one.capture(BYTES));
  const startedMs = performance.now();
  flood.go(viewer);
  await Promise.all(captures.map((capture) => capture.accounts(BYTES, 120_000)));
  const seconds = (performance.now() - startedMs) / 1000;
  await Promise.all([viewer, ...others].map((one) => one[Symbol.asyncDispose]()));
  await product.api.killSession(flood.session);
  // Only bytes that really came count: a viewer that was given a gap and a screen got less.
  return captures.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6 / seconds;
}

async function relayAggregate(relay: ReferenceRelay, round: number): Promise<number> {
  await using terminal = await relay.open(floodArgv({ bytes: BYTES, seed: round, stay: true }));
  const ready = new Promise<void>((resolve) => {
    let text = "";
    const stop = terminal.onOutput((payload) => {
      text += Buffer.from(payload).toString("latin1");
      if (!text.includes("READY\r\n")) return;
      stop();
      resolve();
    });
  });
  await within(10_000, "reference flood", ready);
  const others = await Promise.all(Array.from({ length: VIEWERS - 1 }, () => terminal.viewer()));
  const all = [terminal, ...others].map(
    (viewer) =>
      new Promise<void>((resolve) => {
        const hash = createHash("sha256");
        let left = BYTES;
        const stop = viewer.onOutput((payload) => {
          // The product's viewers hash what they get; so do these.
          hash.update(payload);
          left -= payload.byteLength;
          if (left > 0) return;
          stop();
          resolve();
        });
      }),
  );
  const startedMs = performance.now();
  terminal.type(Buffer.from("g"));
  await within(120_000, "reference fan-out", Promise.all(all));
  const seconds = (performance.now() - startedMs) / 1000;
  for (const other of others) other[Symbol.dispose]();
  return (BYTES * VIEWERS) / 1e6 / seconds;
}
