/** [F15] Deploys: old and new code meet in every pairing, forwards and back, under a session that is watched. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import type { VersionRange } from "@maestro/shared/protocol/version";
import { openFlood } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { BUNDLE, Product, type SecondHost } from "../support/maestro.ts";
import { install, installed, SecondBuild } from "../support/second-build.ts";
import { poll } from "../support/wait.ts";
import { Viewer } from "../support/viewer.ts";
import { tapWebSocket, type WsTap } from "../support/ws-tap.ts";

const MB = 1_000_000;
/** A host that is refused waits 5 min before it asks again: 15 s here. A pong has half a second on a busy machine. */
const TIME_SCALE = 0.05;
const REFUSED_MS = 5 * 60_000 * TIME_SCALE;

let next: SecondBuild;
/** Speaks only what comes after: shares no version with the present build. */
let later: SecondBuild;
let product: Product;
let tap: WsTap;
let host: SecondHost;

beforeAll(async () => {
  [next, later] = await Promise.all([SecondBuild.speaking({ min: 1, max: 2 }), SecondBuild.speaking({ min: 2, max: 2 })]);
  product = await Product.up({ timeScale: TIME_SCALE });
  tap = await tapWebSocket({ target: { port: product.port }, log: () => undefined }, [{ direction: "down", decide: overhear }]);
  const home = new TestHome();
  install(home);
  host = await product.joinHost("second", { home, bundle: installed(home), through: tap.proxy.url, timeScale: TIME_SCALE });
});
afterAll(async () => {
  await product[Symbol.asyncDispose]();
  await tap.proxy[Symbol.asyncDispose]();
  for (const build of [next, later]) build[Symbol.dispose]();
});

/** What the control plane and the host agreed on, newest last. */
const agreed: number[] = [];
const Welcome = z.object({ t: z.literal("welcome"), version: z.int() });
function overhear(text: string): "pass" {
  if (text.startsWith('{"t":"welcome"')) agreed.push(Welcome.parse(JSON.parse(text)).version);
  return "pass";
}

/** A link may also be made anew by itself, while it is still the old ones that meet: the newest word counts. */
async function agreeAgain(wanted: number, change: () => unknown): Promise<void> {
  const before = agreed.length;
  await change();
  await poll(`host and control plane agreed again, on ${wanted}`, () => (agreed.length > before && agreed.at(-1) === wanted) || undefined, {
    timeoutMs: 60_000,
    everyMs: 20,
    detail: () => `${agreed.join()}\n${host.log}`,
  });
}

async function deploy(build?: SecondBuild): Promise<void> {
  await product.down();
  product.bundle = build?.bundle ?? BUNDLE;
  await product.upAgain();
}

describe("[F15] [VR2] v1 → v2 → v1 of control plane and host-agent", () => {
  test("a watched session goes on under its output: the version is agreed on anew each time, no byte differs", async () => {
    const flood = await openFlood(product.api, { bytes: 12 * MB, seed: 15, rate: MB }, { host: host.name });
    await using old = await product.attach(flood.session, { redialMaxMs: 100, readOnly: true });
    await using viewer = await product.attach(flood.session, { cols: 80, rows: 24, redialMaxMs: 100, versions: { min: 1, max: 2 } });
    await viewer.when("pen", () => viewer.hasPen);
    const captures = [viewer.capture(flood.bytes), old.capture(flood.bytes)];
    const holder = await host.running("holder");
    const agent = await host.running("host-agent");
    flood.go(viewer);
    const versions = () => [viewer.last("welcome")?.version, old.last("welcome")?.version].join();
    const speak = (wanted: string) =>
      poll(`viewers speak ${wanted}`, () => versions() === wanted || undefined, { timeoutMs: 60_000, everyMs: 20, detail: versions });
    const meanwhile = async (bytes: number) => void (await Promise.all(captures.map((capture) => capture.reaches(bytes, 60_000))));

    await meanwhile(MB / 2);
    await speak("1,1");
    await agreeAgain(1, () => deploy(next));
    await meanwhile(3 * MB);
    await speak("2,1");
    await agreeAgain(2, () => install(host.home, next.directory));
    await meanwhile(5 * MB);
    await agreeAgain(1, () => deploy());
    await meanwhile(8 * MB);
    await speak("1,1");
    await agreeAgain(1, () => install(host.home));
    await meanwhile(flood.bytes);

    for (const { missing, sha256 } of captures) expect({ missing, sha256 }).toEqual({ missing: [], sha256: flood.sha256 });
    // In place: the same process, and the holder did not notice.
    expect(await host.running("host-agent")).toBe(agent);
    expect(await host.running("holder")).toBe(holder);
    const audit = await product.cli(["audit", "--verify"]);
    expect({ code: audit.code, stderr: audit.stderr }).toMatchObject({ code: 0 });
  });
});

describe("[F15] [VR1] [LK5] a side that shares no version is refused with the range, stays calm and comes back", () => {
  /** Asked once, and not again before its time. */
  async function refusedCalmly(range: string, advice: string, change: () => unknown): Promise<void> {
    const why = `refuses this host; waiting for a change why="closed 4426 upgrade_required ${range}: ${advice}`;
    await change();
    await poll(`refused with ${range}`, () => (host.log.includes(why) ? true : undefined), {
      timeoutMs: 60_000,
      everyMs: 10,
      detail: () => host.log,
    });
    // By the clock of the log: the change that it is refused for may take a while to end.
    const refusedMs = Date.parse(host.log.slice(0, host.log.indexOf(why)).split("\n").at(-1)?.split(" ")[0] ?? "");
    const askedAgain = () => tap.proxy.acceptedMs.find((ms) => ms > refusedMs);
    await tap.proxy.when("asked again", () => askedAgain() !== undefined, 2 * REFUSED_MS + 30_000);
    expect((askedAgain() ?? 0) - refusedMs).toBeGreaterThan(0.8 * REFUSED_MS);
  }
  async function refusedViewer(session: string, versions: VersionRange) {
    await using viewer = Viewer.open({ url: product.url, token: product.api.token ?? "", session, versions, redialMaxMs: 1 });
    const { error } = await viewer.frame("error");
    await viewer.when("closed", () => viewer.closes.length > 0);
    expect(viewer.redials).toBe(0);
    return { ...error, close: viewer.closes[0] };
  }

  test("a host and a viewer of a later version", async () => {
    const { id } = await product.api.createSession({ host: host.name, argv: ["/bin/cat"], backend: "pty" });
    await refusedCalmly("1-1", "this host speaks 2-2; upgrade the control plane", () => install(host.home, later.directory));
    expect(await refusedViewer(id, { min: 2, max: 2 })).toMatchObject({
      code: "upgrade_required",
      hint: "Upgrade the control plane.",
      close: { code: 4426, reason: "upgrade_required 1-1" },
    });
    await agreeAgain(1, () => install(host.home));
    await product.api.type(id, "still-here\r");
    await product.api.screenShows(id, "still-here");
  });

  test("a control plane of a later version", async () => {
    const { id } = await product.api.createSession({ host: host.name, argv: ["/bin/cat"], backend: "pty" });
    await refusedCalmly("2-2", "this host speaks 1-1; upgrade maestro on this machine", () => deploy(later));
    expect(await refusedViewer(id, { min: 1, max: 1 })).toMatchObject({
      code: "upgrade_required",
      hint: expect.stringMatching(/^Upgrade the older side/),
      close: { code: 4426, reason: "upgrade_required 2-2" },
    });
    await agreeAgain(1, () => deploy());
    await product.api.type(id, "still-here\r");
    await product.api.screenShows(id, "still-here");
  });
});
