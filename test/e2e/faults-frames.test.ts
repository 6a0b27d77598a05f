/** [F21] Control frames doubled, and swapped with their neighbours, between ends that do not know. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Session } from "@maestro/shared/contract/resources";
import { PING_INTERVAL_MS } from "@maestro/shared/limits";
import { ApiRefusal } from "../support/api.ts";
import { openFlood } from "../support/flood.ts";
import { Product, type SecondHost } from "../support/maestro.ts";
import { processInfo } from "../support/processes.ts";
import { chooseSeed, seededRandom } from "../support/random.ts";
import { isFullRun } from "../support/system.ts";
import { poll } from "../support/wait.ts";
import type { Viewer } from "../support/viewer.ts";
import { tapWebSocket, type Verdict, type WsTap } from "../support/ws-tap.ts";

const SEED = chooseSeed(20_261_120);
const MB = 1_000_000;
/** At work together, so that their frames have neighbours to be swapped with. */
const LANES = 6;
/** What it asks for in a minute stays below the rate of one credential. */
const TURNS = isFullRun ? 20 : 6;
/** A frame that waits for its neighbour may wait until the next ping: a request has 0.75 s at this scale. */
const TIME_SCALE = 0.05;

let product: Product;
let tap: WsTap;
let host: SecondHost;
/** Joining, and what a test needs before it begins, is left alone. */
let chaos = false;

beforeAll(async () => {
  product = await Product.up({ timeScale: TIME_SCALE });
  const random = seededRandom(SEED);
  const decide = (): Verdict => (chaos ? random.pick(["pass", "double", "swap"]) : "pass");
  tap = await tapWebSocket({ target: { port: product.port }, log: () => undefined }, [
    { direction: "up", decide },
    { direction: "down", decide },
  ]);
  host = await product.joinHost("second", { through: tap.proxy.url, timeScale: TIME_SCALE });
});
beforeEach(() => {
  chaos = false;
});
afterAll(async () => {
  await product[Symbol.asyncDispose]();
  await tap.proxy[Symbol.asyncDispose]();
});

/** Undefined when it was refused; what is never answered fails the test. */
const settled = <T>(request: Promise<T>): Promise<T | undefined> =>
  request.catch((error: unknown) => (error instanceof ApiRefusal && error.status >= 500 ? undefined : Promise.reject(error)));

const lanes = <T>(lane: (number: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: LANES }, (_, n) => lane(n)));

/** As consoles do, at this scale: a frame that is held back for a neighbour gets one. */
function pinging(viewer: Viewer): Disposable {
  const timer = setInterval(() => viewer.sendText("ping"), PING_INTERVAL_MS * TIME_SCALE);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

describe(`[F21] doubled and swapped control frames (MAESTRO_TEST_SEED=${SEED})`, () => {
  test("[VR5] every request is answered; what was asked once is done once", async () => {
    chaos = true;
    const asked = await lanes(async (lane) => {
      const made = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const marker = `marker-${lane}-${turn}-`;
        const argv = ["/bin/sh", "-c", "read line", marker];
        made.push({ marker, session: await settled(product.api.createSession({ host: host.name, argv, backend: "pty", name: marker })) });
      }
      return made;
    });
    chaos = false;
    const running = host.home.processes().map((pid) => processInfo(pid)?.argv ?? []);
    const listed = await product.api.all(Session, "/api/v1/sessions");
    const odd = asked.flat().filter(({ marker, session }) => {
      const times = running.filter((argv) => argv.includes(marker)).length;
      return session === undefined ? times > 1 : times !== 1 || listed.filter(({ name }) => name === marker).length !== 1;
    });
    expect(odd).toEqual([]);
    // How many are refused is a matter of how busy the machine is; that a tenth is not shows that something was tried.
    const taken = asked.flat().filter(({ session }) => session !== undefined).length;
    expect(taken).toBeGreaterThanOrEqual(asked.flat().length / 10);
    await lanes(async (lane) => {
      for (const { session } of asked[lane] ?? []) if (session !== undefined) await product.api.killSession(session.id);
    });
  });

  test("[CH6] input is applied in order, once", async () => {
    const typists = await lanes(async (lane) => {
      const file = join(host.home.directory("typed"), String(lane));
      const argv = ["/bin/sh", "-c", 'stty raw -echo; echo READY; exec cat >"$0"', file];
      const { id } = await product.api.createSession({ host: host.name, argv, backend: "pty", name: `typist-${lane}` });
      await product.api.screenShows(id, "READY");
      return { id, file };
    });
    chaos = true;
    const typed = await lanes(async (lane) => {
      const words: { word: string; taken: boolean }[] = [];
      for (let turn = 0; turn < 2 * TURNS; turn++) {
        const word = `<${turn}>`;
        words.push({ word, taken: (await settled(product.api.type(typists[lane]?.id ?? "", word))) !== undefined });
      }
      return words;
    });
    chaos = false;
    for (const [lane, words] of typed.entries()) {
      // What was refused may have been done, once; what was taken was.
      const expected = new RegExp(`^${words.map(({ word, taken }) => `(${word})${taken ? "" : "?"}`).join("")}$`);
      const file = typists[lane]?.file ?? "";
      await poll("all was typed", () => (expected.test(readFileSync(file, "utf8")) ? true : undefined), {
        timeoutMs: 20_000,
        detail: () => `${readFileSync(file, "utf8")} is not ${String(expected)}`,
      });
    }
  });

  test("[VW6] who watches alone sees every byte", async () => {
    const flood = await openFlood(product.api, { bytes: (isFullRun ? 40 : 10) * MB, seed: 21, rate: 2 * MB }, { host: host.name });
    await using viewer = await product.attach(flood.session, { url: tap.proxy.url, cols: 80, rows: 24, redialMaxMs: 250 });
    using _pings = pinging(viewer);
    await viewer.when("pen", () => viewer.hasPen);
    const capture = viewer.capture(flood.bytes);
    const { doubled, swapped } = tap.counts;
    flood.go(viewer);
    await capture.reaches(MB / 2);
    chaos = true;
    await capture.reaches();
    chaos = false;
    expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
    expect(tap.counts.doubled - doubled).toBeGreaterThan(20);
    expect(tap.counts.swapped - swapped).toBeGreaterThan(20);
  });

  /** Its confirmations are held back: others may outrun it by more than its credit, and then it is told what it lost [VW4]. */
  test("[VW4] beside others who come and go it sees every byte that it is not told of", async () => {
    const flood = await openFlood(product.api, { bytes: (isFullRun ? 60 : 20) * MB, seed: 22, rate: 2 * MB }, { host: host.name });
    await using viewer = await product.attach(flood.session, { url: tap.proxy.url, cols: 80, rows: 24, redialMaxMs: 250 });
    using _pings = pinging(viewer);
    await viewer.when("pen", () => viewer.hasPen);
    const capture = viewer.capture(flood.bytes);
    flood.go(viewer);
    await capture.reaches(MB / 2);
    chaos = true;
    const position = (): number => capture.position.offset - capture.start.offset;
    let visits = 0;
    while (position() < flood.bytes - MB) {
      await using visitor = await product.attach(flood.session, { url: tap.proxy.url, redialMaxMs: 250, screen: true });
      using _visitorPings = pinging(visitor);
      // One who came late has less than that to see: the flood may end meanwhile.
      const ahead = capture.start.offset + flood.bytes - (visitor.cursor?.offset ?? 0);
      // Half a second each, and not too many redials: all stay within the rate of one credential.
      const seen = visitor.capture(Math.min(MB, Math.max(0, ahead)));
      visitor.resize(100, 30);
      // The screen with the lines it asks for shows what came until then, so that is not seen as bytes.
      visitor.send({ t: "history", lines: 100 });
      await seen.accounts();
      visits++;
    }
    await capture.accounts();
    chaos = false;
    expect(visits).toBeGreaterThan(1);
    const lost = capture.missing.map(({ from, to }) => ({ from: from - capture.start.offset, to: to - capture.start.offset }));
    // By a gap of its own; which of it and the screen comes first is what the tap plays with.
    const isTold = ({ from, to }: { from: number; to: number }) => viewer.gaps.some((gap) => gap.from <= from && gap.to >= to);
    expect(capture.missing.filter((missing) => !isTold(missing))).toEqual([]);
    expect(lost.reduce((sum, { from, to }) => sum + to - from, 0)).toBeLessThan(flood.bytes / 4);
    expect(capture.sha256).toBe(flood.sha256Without(lost));
  });
});
