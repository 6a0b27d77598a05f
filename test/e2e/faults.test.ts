/** Faults of the real product; each ends by checking that sessions, registry and what was acknowledged are whole. */
import { spawn } from "node:child_process";
import { cpSync } from "node:fs";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as r from "@maestro/shared/contract/resources";
import { ApiRefusal } from "../support/api.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import { fakeAgent, openFlood } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { Product, SecondHost } from "../support/maestro.ts";
import { residentBytes } from "../support/processes.ts";
import { isFullRun } from "../support/system.ts";
import { poll } from "../support/wait.ts";

/** Timers at full length in the full run; otherwise a twentieth: a pong still has half a second on a busy machine. */
const TIME_SCALE = isFullRun ? 1 : 0.05;
/** [LK4] A half-open link is noticed within 45 s; some slack for a busy machine. */
const NOTICED_MS = 45_000 * TIME_SCALE + 20_000;

/** One for all: each leaves it whole, and stops the machines that it added. */
let product: Product;
beforeAll(async () => {
  product = await Product.up({ timeScale: TIME_SCALE });
});
afterAll(async () => product[Symbol.asyncDispose]());

/** "online" is what was seen of a host lately; only an answer of the host itself says that it is there. */
const patiently = <T>(what: string, ask: () => Promise<T>): Promise<T> =>
  poll(
    what,
    () => ask().catch((error: unknown) => (error instanceof ApiRefusal && error.status >= 500 ? undefined : Promise.reject(error))),
    { timeoutMs: 60_000, everyMs: 50 },
  );
const talk = async (session: string, word: string): Promise<void> => {
  await patiently("the host takes input", () => product.api.type(session, `say ${word}\r`));
  await product.api.screenShows(session, new RegExp(`^${word}`, "m"), 60_000);
};
/** Once it has its prompt: what is typed before that is echoed where the prompt comes. */
const startTalking = async (host?: string) => {
  const session = await patiently("the host makes a session", () =>
    product.api.createSession({ argv: fakeAgent(), backend: "tmux", ...(host === undefined ? {} : { host }) }),
  );
  await product.api.screenShows(session.id, /^> *$/m, 60_000);
  return session;
};

describe("[F1] host-agent killed while idle", () => {
  test("it comes back, the holder and its sessions are the same", async () => {
    const { id } = await startTalking();
    await talk(id, "before");
    const holder = await product.running("holder");
    await product.killAndReturn("host-agent");
    expect(await product.running("holder")).toBe(holder);
    await talk(id, "after");
  });
});

describe("[F8] [F9] workerd killed while rows are written", () => {
  test("every acknowledged row is there afterwards, and every host and session", { timeout: 900_000 }, async () => {
    const { id } = await startTalking();
    const acknowledged: { id: string; name: string }[] = [];
    const rounds = isFullRun ? 120 : 5;
    for (let round = 0; round < rounds; round++) {
      const writing = Array.from({ length: 4 }, (_, lane) => writeTokens(`t${round}-${lane}`, acknowledged));
      await poll("some rows written", () => (acknowledged.length > round * 3 ? true : undefined), { everyMs: 5, timeoutMs: 30_000 });
      await product.killAndReturn("workerd");
      await Promise.all(writing);
      await poll("the API answers again", () => product.api.health().catch(() => undefined), { timeoutMs: 60_000, everyMs: 50 });
    }
    const present = new Set((await product.api.all(r.Token, "/api/v1/tokens")).map((token) => token.id));
    expect(acknowledged.filter(({ id: token }) => !present.has(token))).toEqual([]);
    // Nothing privileged happened that is not in the log, which is another database.
    const told = new Set((await product.api.all(r.AuditRecord, "/api/v1/audit")).map((record) => record.target));
    expect(acknowledged.filter(({ name }) => !told.has(name))).toEqual([]);
    await talk(id, "still-here");
    const audit = await product.cli(["audit", "--verify"]);
    expect({ code: audit.code, stderr: audit.stderr }).toMatchObject({ code: 0 });
  });

  async function writeTokens(name: string, acknowledged: { id: string; name: string }[]): Promise<void> {
    for (let n = 0; n < 20; n++) {
      const made = await product.api.createToken({ name: `${name}-${n}`, role: "viewer" }).catch(() => undefined);
      if (made === undefined) return;
      acknowledged.push(made.token);
    }
  }
});

describe("[F19] one-way blackhole", () => {
  test.each(["up", "down"] as const)(
    "a link that is silent %s is noticed by both sides and replaced",
    { timeout: 240_000 },
    async (direction) => {
      await using proxy = await ChaosProxy.listen({ target: { port: product.port } });
      const second = await product.joinHost(`silent-${direction}`, { through: proxy.url, timeScale: TIME_SCALE });
      const { id } = await startTalking(second.name);
      proxy.blackhole(direction);
      await poll("the host noticed", () => (second.log.includes("no answer to two pings") ? true : undefined), {
        timeoutMs: NOTICED_MS,
        everyMs: 50,
        detail: () => second.log,
      });
      // Nothing is heard of it (up), or its link is closed by the host (down), which was heard of until then [LK4].
      const isStale = async () =>
        (await product.api.hosts()).some(({ name, status }) => name === second.name && status === "stale") ? true : undefined;
      const isUnreachable = async () => ((await product.api.session(id)).status === "unreachable" ? true : undefined);
      const noticed = { up: isStale, down: isUnreachable };
      await poll("the control plane noticed", noticed[direction], { timeoutMs: NOTICED_MS, everyMs: 100 });
      await poll("it is shown as stale, though it dials", isStale, { timeoutMs: NOTICED_MS, everyMs: 100 });
      // In this order: a handshake that the blackhole held must not come through only to be cut at once.
      proxy.cutAll();
      proxy.heal();
      await product.api.hostOnline(second.name, 90_000);
      await talk(id, "healed");
      await second.stop();
    },
  );
});

describe("[F22] cloned state directory", () => {
  test("the identity is locked, an alert says so, an operator unlocks it", { timeout: 240_000 }, async () => {
    const second = await product.joinHost("original", { timeScale: TIME_SCALE });
    const home = new TestHome("c");
    cpSync(second.home.path, home.path, { recursive: true, filter: (path) => !/\.(sock|lock|pid)$|\/run(\/|$)/.test(path) });
    const clone = SecondHost.clone("clone", home, { MAESTRO_TIME_SCALE: String(TIME_SCALE) });
    clone.run();
    const locked = await poll(
      "the identity locked",
      async () => (await product.api.hosts()).find((host) => host.name === "original")?.locked,
      { timeoutMs: 120_000, everyMs: 100, detail: () => clone.log },
    );
    expect(locked.reason).toMatch(/copy|copies|twice|two|instance|identity/i);
    // Neither of the two is served: nobody knows which one is the copy.
    const refused = { status: 503, code: "host_unreachable" };
    expect(await product.api.refused("POST", "/api/v1/sessions", { host: "original", argv: ["/bin/cat"], backend: "pty" })).toMatchObject(
      refused,
    );
    const events = await product.cli(["events", "--json"]);
    expect(events.stdout).toContain("host.locked");
    await clone.stop();
    await clone[Symbol.asyncDispose]();
    const unlocked = await product.cli(["host", "unlock", "original", "--yes"]);
    expect(unlocked).toMatchObject({ code: 0 });
    // Refused, it waits for a change; told to stop, it does not.
    const stopping = performance.now();
    await second.stop();
    expect(performance.now() - stopping).toBeLessThan(10_000);
    second.run();
    await product.api.hostOnline("original", 60_000);
    await talk((await startTalking("original")).id, "unlocked");
    await second.stop();
  });
});

describe("[F28] descriptor exhaustion", () => {
  test("a host-agent with 64 descriptors refuses clearly and lives", { timeout: 120_000 }, async () => {
    const second = await product.joinHost("narrow", {
      timeScale: TIME_SCALE,
      spawn: (argv, options) => spawn("/bin/sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...argv], options),
    });
    const refused: string[] = [];
    for (let n = 0; n < 40; n++) {
      const answer = await product.api.request("POST", "/api/v1/sessions", {
        host: "narrow",
        argv: ["/bin/cat"],
        backend: "pty",
        name: `s${n}`,
      });
      if (answer.status >= 400) {
        refused.push(z.looseObject({ code: z.string() }).parse(answer.json).code);
        break;
      }
    }
    expect(refused).toEqual([expect.stringMatching(/descriptors_exhausted|session_limit|spawn_failed/)]);
    await product.api.hostOnline("narrow");
    const [first] = (await product.api.sessions()).filter((session) => session.host.name === "narrow" && session.status === "running");
    // Those it has are served, and room helps.
    await product.api.type(first?.id ?? "", "still here\r");
    await product.api.screenShows(first?.id ?? "", "still here");
    await product.api.killSession(first?.id ?? "");
    const again = await poll("there is room again", () =>
      product.api
        .createSession({ host: "narrow", argv: ["/bin/cat"], backend: "pty", name: "again" })
        .catch((error: unknown) => (error instanceof ApiRefusal ? undefined : Promise.reject(error))),
    );
    await product.api.type(again.id, "room\r");
    await product.api.screenShows(again.id, "room");
    expect(second.log).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    await second.stop();
  });
});

describe("[F30] stalled viewer", () => {
  test("the relay's memory stays bounded and a healthy viewer gets every byte", { timeout: 600_000 }, async () => {
    const workerd = await product.running("workerd");
    // The runtime's own heap grows with the first bytes that pass and then stays: that is not what a viewer costs.
    await flood(isFullRun ? 100_000_000 : 60_000_000, []);
    const grownMiB: number[] = [];
    const first = residentBytes(workerd);
    // The heap may also grow once more for reasons of its own; what is kept for viewers would be kept each time.
    while (grownMiB.length < 3 && !grownMiB.some((mebibytes) => mebibytes < 64)) {
      const before = residentBytes(workerd);
      await flood(100_000_000, ["socket", "socket", "acks"]);
      grownMiB.push((residentBytes(workerd) - before) / 2 ** 20);
    }
    expect(Math.min(...grownMiB), grownMiB.join()).toBeLessThan(64);
    // One quiet flood beside others that leak is no pass.
    expect((residentBytes(workerd) - first) / 2 ** 20, grownMiB.join()).toBeLessThan(3 * 64);
  });

  /** To one viewer that reads, beside some that do not. */
  async function flood(size: number, stalls: readonly ("acks" | "socket")[]): Promise<void> {
    const { session, bytes, sha256, go } = await openFlood(product.api, { bytes: size, seed: 30 });
    await using healthy = await product.attach(session, { cols: 80, rows: 24 });
    await healthy.when("pen", () => healthy.hasPen);
    await using stack = new AsyncDisposableStack();
    for (const how of stalls) stack.use(await product.attach(session)).stall(how);
    const capture = healthy.capture(bytes);
    go(healthy);
    await capture.reaches(bytes, 180_000);
    expect({ missing: capture.missing, sha256: capture.sha256 }).toEqual({ missing: [], sha256 });
  }
});

describe("[F36] token revoked under an open terminal", () => {
  test("its socket closes with 4401 within 5 s, others stay", async () => {
    const { id } = await startTalking();
    const { token, secret } = await product.api.createToken({ name: "short-lived", role: "operator" });
    await using doomed = await product.attach(id, { token: secret, redial: false });
    await using other = await product.attach(id);
    await product.api.revokeToken(token.id);
    await doomed.when("closed", () => doomed.closes.length > 0, 5_000);
    expect(doomed.closes[0]?.code).toBe(4401);
    expect(other.closes).toEqual([]);
    const refused = await product.api.as(secret).refused("GET", "/api/v1/sessions");
    expect(refused).toMatchObject({ status: 401, code: "token_revoked" });
  });
});
