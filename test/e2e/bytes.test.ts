/** Nothing lost, nothing twice: what a viewer assembled against what the program wrote, by sha256. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RING_BYTES } from "@maestro/shared/limits";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { openFlood } from "../support/flood.ts";
import { Product, type SecondHost } from "../support/maestro.ts";
import { isFullRun } from "../support/system.ts";
import type { Viewer } from "../support/viewer.ts";

const MB = 1_000_000;
const SEED = Number(process.env["MAESTRO_SEED"] ?? "20261120");
/** Redials wait up to 5 s and more; the bytes do not care how long. A pong has half a second on a busy machine. */
const TIME_SCALE = 0.05;

let product: Product;
let proxy: ChaosProxy;
let second: SecondHost;

beforeAll(async () => {
  product = await Product.up({ timeScale: TIME_SCALE });
  proxy = await ChaosProxy.listen({ target: { port: product.port } });
  second = await product.joinHost("second", { through: proxy.url, timeScale: TIME_SCALE });
});
afterAll(async () => {
  await product[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

async function pen(viewer: Viewer): Promise<void> {
  await viewer.when("pen", () => viewer.hasPen);
}

test("[VW6] link cuts during a 100 MB output of a watched PTY session lose and repeat no byte", async () => {
  const cuts = isFullRun ? 100 : 20;
  const flood = await openFlood(product.api, { bytes: 100 * MB, seed: SEED }, { host: second.name });
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture(flood.bytes);
  proxy.unleash(SEED, { direction: "up", withinBytes: 95 * MB, cuts });
  flood.go(viewer);
  await capture.reaches(flood.bytes, 600_000);
  expect(proxy.pendingFaults).toBe(0);
  expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
}, 700_000);

test("[VW6] a lone viewer that loses its own connection again and again misses nothing of a flood", async () => {
  const flood = await openFlood(product.api, { bytes: 100 * MB, seed: SEED + 1 });
  await using cutter = await ChaosProxy.listen({ target: { port: product.port } });
  await using viewer = await product.attach(flood.session, { url: cutter.url, cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture(flood.bytes);
  cutter.unleash(SEED + 1, { direction: "down", withinBytes: 95 * MB, cuts: 10 });
  flood.go(viewer);
  await capture.accounts(flood.bytes, 120_000);
  expect(cutter.pendingFaults).toBe(0);
  expect(viewer.redials).toBeGreaterThanOrEqual(10);
  expect(viewer.gaps).toEqual([]);
  expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
}, 150_000);

test("[VW6] link cuts during a tmux session's output lose nothing at a rate the ring covers", async () => {
  const flood = await openFlood(
    product.api,
    { bytes: 10 * MB, seed: SEED + 2, rate: 2 * MB },
    { host: second.name, backend: "tmux", cols: 80, rows: 24 },
  );
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture();
  proxy.unleash(SEED + 2, { direction: "up", withinBytes: 8 * MB, cuts: 10 });
  flood.go(viewer);
  await product.api.screenShows(flood.session, "FLOOD DONE", 120_000);
  await capture.accounts(flood.bytes, 60_000);
  expect(capture.missing).toEqual([]);
}, 240_000);

test("[CH5] above the rate the ring covers the gap is told with exact offsets", async () => {
  const flood = await openFlood(product.api, { bytes: 4 * RING_BYTES, seed: SEED + 3 }, { backend: "tmux", cols: 80, rows: 24 });
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture();
  viewer.stall("acks");
  flood.go(viewer);
  await product.api.screenShows(flood.session, "FLOOD DONE", 120_000);
  viewer.unstall();
  await capture.accounts(flood.bytes, 60_000);
  expect(capture.missing.length).toBeGreaterThan(0);
  expect(capture.missing.every((gap) => gap.told)).toBe(true);
  expect(viewer.gaps.length).toBe(capture.missing.length);
}, 240_000);

test("[VW6] host-agent killed under output: no byte differs", async () => {
  const flood = await openFlood(product.api, { bytes: 30 * MB, seed: SEED + 4 });
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture(flood.bytes);
  flood.go(viewer);
  for (const reached of [5, 12, 20]) {
    await capture.reaches(reached * MB, 120_000);
    await product.killAndReturn("host-agent");
  }
  await capture.reaches(flood.bytes, 240_000);
  expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
}, 400_000);

test("[VW6] host-agent upgraded in place under output: no byte differs", async () => {
  const flood = await openFlood(product.api, { bytes: 30 * MB, seed: SEED + 5 }, { host: second.name });
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24 });
  await pen(viewer);
  const capture = viewer.capture(flood.bytes);
  const holder = await second.running("holder");
  flood.go(viewer);
  await capture.reaches(8 * MB, 120_000);
  const agent = await second.running("host-agent");
  process.kill(agent, "SIGHUP");
  await capture.reaches(flood.bytes, 240_000);
  expect(await second.running("holder")).toBe(holder);
  expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
}, 400_000);

test("[VW6] workerd killed under output: the viewer goes on where it was", async () => {
  const flood = await openFlood(product.api, { bytes: 30 * MB, seed: SEED + 6 });
  await using viewer = await product.attach(flood.session, { cols: 80, rows: 24, redialMaxMs: 100 });
  await pen(viewer);
  const capture = viewer.capture(flood.bytes);
  flood.go(viewer);
  await capture.reaches(6 * MB, 120_000);
  await product.killAndReturn("workerd");
  await capture.reaches(flood.bytes, 240_000);
  expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
}, 400_000);

test("[VW6] holder killed: new epoch, the tmux screen and history are back, the PTY session ends with its reason", async () => {
  const shell = await product.api.createSession({ host: second.name, argv: ["/bin/sh"], backend: "tmux", cols: 80, rows: 24 });
  const doomed = await product.api.createSession({ host: second.name, argv: ["/bin/sh"], backend: "pty" });
  await product.api.type(shell.id, "i=0; while [ $i -lt 60 ]; do echo line-$i; i=$((i+1)); done\r");
  await product.api.screenShows(shell.id, "line-59");
  await using viewer = await product.attach(shell.id, { cols: 80, rows: 24, screen: true });
  await using watcher = await product.attach(doomed.id);
  const epoch = viewer.cursor?.epoch;
  await second.killAndReturn("holder");
  const ended = await watcher.frame("session", ({ session }) => session.end !== undefined, 60_000);
  expect(ended.session.end?.reason).toBe("holder_lost");
  await viewer.when("new epoch", () => viewer.cursor !== undefined && viewer.cursor.epoch !== epoch, 60_000);
  await viewer.screenShows("line-59");
  viewer.send({ t: "history", lines: 1000 });
  await viewer.frame("snapshot", (snapshot) => snapshot.lines > 20);
  await pen(viewer);
  viewer.type("echo alive-$((1+1))\r");
  await viewer.screenShows("alive-2");
}, 120_000);
