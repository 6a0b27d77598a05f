/** Bulk output: MB/s from the key that releases a flood to its last byte, complete by sha256. */
import { createHash } from "node:crypto";
import { floodSha256 } from "../fixtures/agents/flood-stream.ts";
import { floodArgv, openFlood } from "../support/flood.ts";
import type { Product } from "../support/maestro.ts";
import type { Viewer } from "../support/viewer.ts";
import { within } from "../support/wait.ts";
import type { ReferenceRelay } from "./reference/relay.ts";
import { TmuxControl } from "./reference/tmux-control.ts";
import { writer } from "./rig.ts";

export interface BulkOptions {
  bytes: number;
  seed: number;
}

const TIMEOUT_MS = 120_000;
const READY = Buffer.from("FLOOD READY\r\n");

const rate = (bytes: number, startedMs: number): number => bytes / 1e6 / ((performance.now() - startedMs) / 1000);

/** @param beside runs with the open session before the flood goes, to put other viewers there. */
export async function productBulk(
  product: Product,
  backend: "pty" | "tmux",
  { bytes, seed }: BulkOptions,
  beside: (session: string) => Promise<readonly Viewer[]> = async () => [],
): Promise<number> {
  const flood = await openFlood(product.api, { bytes, seed }, { backend });
  const viewer = await writer(product, flood.session);
  const others = await beside(flood.session);
  try {
    const capture = viewer.capture(bytes);
    const startedMs = performance.now();
    flood.go(viewer);
    await capture.accounts(bytes, TIMEOUT_MS);
    const figure = rate(bytes, startedMs);
    if (capture.missing.length > 0)
      throw new Error(`bulk over ${backend} is not complete: missing ${JSON.stringify(capture.missing.slice(0, 5))}`);
    if (capture.sha256 !== flood.sha256) throw new Error(`bulk over ${backend}: sha256 differs`);
    return figure;
  } finally {
    for (const one of [viewer, ...others]) await one[Symbol.asyncDispose]();
    await product.api.killSession(flood.session);
  }
}

export async function relayBulk(relay: ReferenceRelay, { bytes, seed }: BulkOptions): Promise<number> {
  const terminal = await relay.open(floodArgv({ bytes, seed, stay: true }));
  try {
    return await streamed(terminal, { bytes, seed }, () => terminal.type(Buffer.from("g")));
  } finally {
    await terminal[Symbol.asyncDispose]();
  }
}

export async function tmuxBulk({ bytes, seed }: BulkOptions): Promise<number> {
  const control = await TmuxControl.open(floodArgv({ bytes, seed, stay: true }));
  try {
    return await streamed(
      control,
      { bytes, seed },
      () => control.type("g"),
      async () => (await control.screen()).includes("FLOOD READY"),
    );
  } finally {
    await control[Symbol.asyncDispose]();
  }
}

/** A reference has no screen to ask: its stream is watched for READY, and hashed from there. */
async function streamed(
  source: { onOutput(listener: (payload: Uint8Array) => void): () => void },
  { bytes, seed }: BulkOptions,
  go: () => void,
  alreadyReady: () => Promise<boolean> = async () => false,
): Promise<number> {
  const hash = createHash("sha256");
  let left = bytes;
  let startedMs = 0;
  let before: Buffer = Buffer.alloc(0);
  const release = () => {
    startedMs = performance.now();
    go();
  };
  const done = new Promise<void>((resolve) => {
    const stop = source.onOutput((payload) => {
      if (startedMs === 0) {
        before = Buffer.concat([before, payload]);
        if (before.includes(READY)) release();
        return;
      }
      const piece = payload.subarray(0, left);
      hash.update(piece);
      left -= piece.byteLength;
      if (left > 0) return;
      stop();
      resolve();
    });
  });
  if (await alreadyReady()) release();
  await within(TIMEOUT_MS, "reference bulk", done, () => `${bytes - left} of ${bytes} bytes`);
  const figure = rate(bytes, startedMs);
  if (hash.digest("hex") !== floodSha256(seed, bytes)) throw new Error("reference bulk: sha256 differs");
  return figure;
}
