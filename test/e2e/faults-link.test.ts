/** Faults between one host and its control plane, and of the machine below the host-agent. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChaosProxy, type Cut, type Direction } from "../support/chaos-proxy.ts";
import type { ChildOptions } from "../support/child.ts";
import { fakeAgent } from "../support/flood.ts";
import { Product, type SecondHost } from "../support/maestro.ts";
import { seededRandom } from "../support/random.ts";
import { isFullRun, lacking, titled } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const SEED = Number(process.env["MAESTRO_SEED"] ?? "20261120");
const TIME_SCALE = 0.02;
const HOUR_S = 3_600;
/** Each byte of some 3,000 costs a redial: at full length several machines share them. */
const LANES = isFullRun ? 5 : 1;
const STACK = /^\s+at .+:\d+:\d+\)?$/m;

let product: Product;
let proxy: ChaosProxy;
/** One machine for all that does not change it for good: joining is limited to a few a minute. */
let host: SecondHost;
beforeAll(async () => {
  product = await Product.up({ timeScale: TIME_SCALE });
  proxy = await ChaosProxy.listen({ target: { port: product.port }, log: () => undefined });
  host = await product.joinHost("second", { through: proxy.url, timeScale: TIME_SCALE });
});
afterAll(async () => {
  await product[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

/** The host itself did this, so its link is up now. */
async function talks(host: SecondHost): Promise<string> {
  let refused: unknown;
  const open = () =>
    product.api.createSession({ host: host.name, argv: fakeAgent(), backend: "pty" }).catch((cause: unknown) => {
      refused = cause;
      return undefined;
    });
  const { id } = await poll("a session on the host", open, {
    timeoutMs: 60_000,
    everyMs: 250,
    detail: () => `${String(refused)}\n${host.log}`,
  });
  await product.api.screenShows(id, /^> *$/m);
  await hears(id, host.name);
  return id;
}

async function hears(session: string, word: string): Promise<void> {
  await poll("input taken", () => product.api.type(session, `say ${word}\r`).catch(() => undefined), {
    timeoutMs: 60_000,
    everyMs: 50,
    detail: () => host.log,
  });
  await product.api.screenShows(session, new RegExp(`^${word}`, "m"));
}

/** How to start it within another program, or with more in its environment. */
const within =
  (wrapper: readonly string[], env: Readonly<Record<string, string>> = {}): ChildOptions["spawn"] =>
  (argv, options) => {
    const [program = "", ...args] = [...wrapper, ...argv];
    return spawn(program, args, { ...options, env: { ...options.env, ...env } });
  };

describe("[F17] TCP cut at any byte of a handshake", () => {
  /** Of one undisturbed handshake, from the first byte of the upgrade to the welcome. */
  async function handshakeBytes(): Promise<Record<Direction, number>> {
    const { up, down } = proxy.bytes;
    const before = lastUp();
    proxy.cutAll();
    await poll("linked again", () => (lastUp() === before ? undefined : true), { timeoutMs: 60_000, everyMs: 10, detail: () => host.log });
    return { up: proxy.bytes.up - up, down: proxy.bytes.down - down };
  }
  /** The newest line that says so, with its time: only the end of a log is kept. */
  const lastUp = (of = host): string | undefined => of.log.match(/^\S+ +info +the link is up/gm)?.at(-1);

  interface Lane {
    proxy: ChaosProxy;
    host: SecondHost;
  }
  const lanes: Lane[] = [];
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    lanes.push({ proxy, host });
    for (let n = 1; n < LANES; n++) {
      const other = stack.use(await ChaosProxy.listen({ target: { port: product.port }, log: () => undefined }));
      lanes.push({ proxy: other, host: await product.joinHost(`lane-${n}`, { through: other.url, timeScale: TIME_SCALE }) });
    }
  });
  afterAll(async () => {
    for (const lane of lanes.slice(1)) await lane.host.stop();
    await stack.disposeAsync();
  });

  test.each(["up", "down"] as const)(
    "cut %s: the host comes online afterwards, with its identity not locked",
    { timeout: 3_600_000 },
    async (direction) => {
      // The least of some: others may hold what was sent after the welcome, or a handshake that failed by itself.
      const lengths: number[] = [];
      for (let n = 0; n < 3; n++) lengths.push((await handshakeBytes())[direction]);
      const length = Math.min(...lengths);
      expect(length).toBeGreaterThan(150);
      const random = seededRandom(SEED);
      const everyByte = Array.from({ length }, (_, n) => n + 1);
      const bytes = isFullRun ? everyByte : [1, 2, ...Array.from({ length: 15 }, () => random.int(3, length))];
      // Chosen before the lanes begin, so that a seed means the same cuts in any order.
      const plan = bytes.map((afterBytes): Cut => ({ direction, afterBytes, how: random.pick(["rst", "fin"]) }));
      const cutEach = async ({ proxy: own, host: lane }: Lane, planned: readonly Cut[]): Promise<void> => {
        let cut = 0;
        let linked = true;
        for (const next of planned) {
          const before = lastUp(lane);
          own.cutNext(next);
          if (linked) own.cutAll();
          const { cuts } = own;
          // A handshake may also be whole before that byte: what follows the welcome is no part of it, and comes when it comes.
          const found = () => (own.cuts > cuts ? "cut" : lastUp(lane) === before ? undefined : "whole");
          linked = (await poll(`cut ${direction} after ${next.afterBytes}`, found, { timeoutMs: 60_000, everyMs: 5 })) === "whole";
          if (!linked) cut++;
        }
        expect(cut).toBeGreaterThan(planned.length / 2);
        await talks(lane);
        expect((await product.api.hosts()).find(({ name }) => name === lane.name)?.locked).toBeUndefined();
        expect(lane.log).not.toMatch(STACK);
      };
      await Promise.all(
        lanes.map((lane, at) =>
          cutEach(
            lane,
            plan.filter((_, n) => n % lanes.length === at),
          ),
        ),
      );
    },
  );
});

const noFaketime = lacking("faketime");
describe.skipIf(noFaketime !== undefined)(titled("[F23] wrong clocks", noFaketime), () => {
  const library =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
      .map((dir) => join(dir, "faketime", "libfaketime.so.1"))
      .find((file) => existsSync(file)) ?? "libfaketime.so.1";
  /** The calendar only: a machine whose monotonic clock lies is not what is meant. */
  const clockFrom = (file: string): Record<string, string> => ({
    LD_PRELOAD: library,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
  });

  test("[LK1] an hour ahead, an hour behind, and a step back under an open link", { timeout: 120_000 }, async () => {
    const file = join(product.home.directory("clock"), "offset");
    const clocked = within([], clockFrom(file));
    const set = (seconds: number) => writeFileSync(file, `${seconds >= 0 ? "+" : ""}${seconds}`);
    set(HOUR_S);
    await host.stop();
    host.run(clocked);
    const session = await talks(host);
    expect(host.log).toMatch(/clock differs/);
    // Two hours back: the link that is there stays, and a new one needs no new correction.
    set(-HOUR_S);
    await hears(session, "stepped");
    const corrected = host.log.split("clock differs").length;
    await product.killAndReturn("workerd");
    await poll("the host answers again", () => product.api.screen(session).catch(() => undefined), {
      timeoutMs: 60_000,
      everyMs: 50,
      detail: () => host.log,
    });
    expect(host.log.split("clock differs").length).toBe(corrected);
    // A start with the earlier time: its start counter rises nevertheless, so it is no copy of itself.
    await host.stop();
    host.run(clocked);
    await poll("the host answers after its start in the past", () => product.api.screen(session).catch(() => undefined), {
      timeoutMs: 60_000,
      everyMs: 50,
      detail: () => host.log,
    });
    await hears(session, "an-hour-ago");
    expect(host.log).toMatch(/clock differs/);
    expect((await product.api.hosts()).find(({ name }) => name === host.name)?.locked).toBeUndefined();
    await host.stop();
    host.run();
    await talks(host);
  });
});

const noMounts = lacking("mounts");
describe.skipIf(noMounts !== undefined)(titled("[F25] read-only state directory", noMounts), () => {
  test("the host links nevertheless, says that it is degraded, and serves what its holder has", { timeout: 120_000 }, async () => {
    const session = await talks(host);
    await host.stop();
    const { path } = host.home;
    const remount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"';
    host.run(within(["unshare", "--mount", "/bin/sh", "-c", remount, "sh", path]));
    const shown = await poll(
      "the host says that it is degraded",
      async () =>
        (await product.api.hosts()).find(
          ({ name, capabilities }) => name === host.name && capabilities.includes("degraded:state_unwritable"),
        ),
      { timeoutMs: 60_000, everyMs: 100, detail: () => host.log },
    );
    expect(shown.locked).toBeUndefined();
    await hears(session, "read-only");
    expect(host.log).toMatch(/takes no writes/);
    expect(host.log).not.toMatch(STACK);
    await host.stop();
    host.run();
    await poll(
      "writable again",
      async () =>
        (await product.api.hosts()).find(
          ({ name, capabilities }) => name === host.name && capabilities.every((what) => !what.startsWith("degraded")),
        ),
      { timeoutMs: 60_000, everyMs: 100, detail: () => host.log },
    );
    await hears(session, "writable");
  });
});

describe("[F37] host key rotated", () => {
  const Identity = z.looseObject({ signing: z.looseObject({ public: z.string() }) });
  const keyOf = ({ home }: SecondHost): string =>
    Identity.parse(JSON.parse(readFileSync(join(home.path, "host", "identity.json"), "utf8"))).signing.public;
  const newKey = (host: SecondHost, old: string) =>
    poll("the host has its new key", () => (keyOf(host) === old ? undefined : keyOf(host)), {
      timeoutMs: 60_000,
      everyMs: 50,
      detail: () => host.log,
    });
  const Rotated = z.looseObject({ rotated: z.boolean() });

  test("while linked, while the control plane is away and while the host is off: never stranded", { timeout: 240_000 }, async () => {
    const session = await talks(host);
    const first = keyOf(host);
    expect(await host.cliJson(Rotated, ["host", "rotate-key"])).toMatchObject({ rotated: true });
    const second = await newKey(host, first);

    await product.down();
    expect(await host.cliJson(Rotated, ["host", "rotate-key"])).toMatchObject({ rotated: false });
    expect(keyOf(host)).toBe(second);
    await product.upAgain();
    const third = await newKey(host, second);
    await hears(session, "third");

    await host.stop();
    expect(await host.cliJson(Rotated, ["host", "rotate-key"])).toMatchObject({ rotated: false });
    host.run();
    await newKey(host, third);
    await host.stop();
    host.run();
    await poll("linked with the newest key", () => product.api.screen(session).catch(() => undefined), {
      timeoutMs: 60_000,
      everyMs: 50,
      detail: () => host.log,
    });
    await hears(session, "fourth");
    expect((await product.api.hosts()).find(({ name }) => name === host.name)?.locked).toBeUndefined();
  });
});
