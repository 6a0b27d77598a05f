import { describe, expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { HostFrames, type HostFrame } from "@maestro/shared/protocol/link";
import { err, ok } from "@maestro/shared/result";
import { decodeControl } from "@maestro/shared/protocol/codec";
import { hostSigningText, parseHostAuthorization } from "@maestro/shared/protocol/link-auth";
import { createPublicKey, verify } from "node:crypto";
import { generateSigningKey } from "../daemon/identity.ts";
import { silentLog } from "../daemon/log.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { hostAuthorization } from "./authorization.ts";
import { parsePin } from "./connector.ts";
import { Heartbeat } from "./heartbeat.ts";
import { helloFrames, inventoryFrames } from "./hello.ts";
import { hostText } from "./host-text.ts";
import { readRetryAfter } from "./http-call.ts";
import { isMaterial } from "./metrics.ts";
import { Requests } from "./requests.ts";
import { ServerTime } from "./server-time.ts";
import { checkServerUrl } from "./server-url.ts";

describe("heartbeat", () => {
  function setUp() {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const heartbeat = new Heartbeat(clock, 1, {
      ping: () => seen.push(`ping ${clock.monotonicMs()}`),
      dead: () => seen.push(`dead ${clock.monotonicMs()}`),
    });
    heartbeat.start();
    return { clock, seen, heartbeat };
  }

  test("[LK4] asks every 20 s while answers come", () => {
    const { clock, seen, heartbeat } = setUp();
    for (let i = 0; i < 3; i++) {
      clock.advance(20_000);
      heartbeat.pong();
    }
    expect(seen).toEqual(["ping 20000", "ping 40000", "ping 60000"]);
  });

  test("[LK4] a link without answers is dead after a second miss, 40 s after the last sign at most", () => {
    const { clock, seen } = setUp();
    clock.advance(100_000);
    expect(seen).toEqual(["ping 20000", "ping 30000", "dead 40000"]);
  });

  test("[LK4] a late answer to the first question saves the link", () => {
    const { clock, seen, heartbeat } = setUp();
    clock.advance(31_000);
    heartbeat.pong();
    clock.advance(20_000);
    heartbeat.pong();
    expect(seen).toEqual(["ping 20000", "ping 30000", "ping 51000"]);
  });
});

describe("requests", () => {
  function setUp() {
    const clock = new VirtualClock();
    const sent: unknown[] = [];
    return { clock, sent, requests: new Requests((frame) => sent.push(frame), { clock, timeScale: 1, log: silentLog }) };
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  test("[VR5] a request is answered once, with its own id", async () => {
    const { sent, requests } = setUp();
    requests.answer(7, "x", (done) => {
      done(ok({ a: 1 }));
      done(ok({ a: 2 }));
    });
    await settled();
    expect(sent).toEqual([{ t: "reply", id: 7, value: { a: 1 } }]);
  });

  test("[VR5] a request that outlives its deadline is answered timeout, and its late result goes nowhere", async () => {
    const { clock, sent, requests } = setUp();
    let finish = (): void => {};
    requests.answer(1, "slow", (done) => {
      finish = () => done(ok({}));
    });
    clock.advance(15_000);
    finish();
    await settled();
    expect(sent).toMatchObject([{ t: "reply-error", id: 1, error: { code: "timeout" } }]);
  });

  test("[VR5] a repeated request is not done again", async () => {
    const { sent, requests } = setUp();
    let times = 0;
    for (let i = 0; i < 3; i++) {
      requests.answer(4, "x", (done) => {
        times += 1;
        done(err(maestroError("session_exists", "y")));
      });
      await settled();
    }
    expect(times).toBe(1);
    expect(sent).toHaveLength(1);
  });

  test("[VR5] a bug in the work is answered internal, without its stack", async () => {
    const { sent, requests } = setUp();
    requests.answer(1, "x", () => {
      throw new Error("secret place");
    });
    await settled();
    expect(sent).toMatchObject([{ t: "reply-error", id: 1, error: { code: "internal" } }]);
    expect(JSON.stringify(sent)).not.toContain("secret place");
  });
});

describe("hello", () => {
  const facts = {
    versions: { min: 1, max: 1 },
    agentVersion: "1",
    instance: "abcdefgh",
    bootId: "b",
    platform: { os: "linux", arch: "x64", release: "6", hostname: "h", node: "24", cpus: 2, memoryBytes: 1 },
    capabilities: [],
    policyDigest: "none",
    roots: ["/tmp"],
  };
  const session = (i: number) => ({
    id: `ses_${i}`,
    name: "n".repeat(100),
    backend: "pty" as const,
    title: "t".repeat(256),
    cwd: `/${"d".repeat(1_000)}`,
    command: "c".repeat(500),
    cols: 80,
    rows: 24,
    createdMs: 1_000,
    lastActivityMs: 2_000,
    epoch: 0,
  });

  test("[LK3] 500 sessions travel in pages that each fit a control frame, in order, the last one saying so", () => {
    const frames = helloFrames(
      facts,
      Array.from({ length: 500 }, (_, i) => session(i)),
      0,
    );
    const texts = frames.map(hostText);
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
    for (const text of texts) expect(decodeControl<HostFrame>(text, HostFrames).ok).toBe(true);
    expect(frames.flatMap((frame) => ("sessions" in frame ? frame.sessions.map(({ id }) => id) : []))).toEqual(
      Array.from({ length: 500 }, (_, i) => `ses_${i}`),
    );
    expect(frames.map((frame) => "more" in frame && frame.more)).toEqual(frames.map((_, i) => i < frames.length - 1));
  });

  test("[LK3] a host without sessions says so in one frame", () => {
    expect(helloFrames(facts, [], 0)).toMatchObject([{ t: "hello", sessions: [], more: false }]);
  });

  test("[LK1] times are told in the server's time", () => {
    expect(helloFrames(facts, [session(0)], 500)).toMatchObject([{ sessions: [{ createdMs: 1_500, lastActivityMs: 2_500 }] }]);
  });

  test("[LK8] an empty inventory is told as such", () => {
    expect(inventoryFrames([])).toEqual([{ t: "inventory", types: [], first: true, more: false }]);
  });
});

test("[LK1] the header is signed over origin, method, path and claim, and verifies with the public key", () => {
  const key = generateSigningKey();
  const header = hostAuthorization(
    { hostId: "hst_01j9zzzzzzzzzzzzzzzzzzzzzz", origin: "https://x", instance: "instance1", bootId: "boot" },
    { key, epoch: { start: 3, connect: 4 }, timeMs: 1_700_000_000_000, method: "GET", path: "/p" },
  );
  const parsed = parseHostAuthorization(header);
  if (!parsed.ok) throw new Error(parsed.error.detail);
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.public }, format: "jwk" });
  const check = (path: string) =>
    verify(
      null,
      Buffer.from(hostSigningText(parsed.value.claim, "https://x", "GET", path)),
      publicKey,
      Buffer.from(parsed.value.signature, "base64url"),
    );
  expect(check("/p")).toBe(true);
  expect(check("/q")).toBe(false);
});

test("[LK1] once the server's time is known, a step of the local calendar changes nothing (F23)", () => {
  const clock = new VirtualClock();
  const time = new ServerTime(clock);
  expect(time.learnFrom(maestroError("clock_skew", "x", { extra: { serverTime: 5_000_000 } }))).toBe(true);
  clock.advance(1_000);
  clock.wallOffsetMs -= 3_600_000;
  expect(time.nowMs()).toBe(5_001_000);
  expect(time.learnFrom(maestroError("clock_skew", "x", { extra: { serverTime: "2026-01-01T00:00:00Z" } }))).toBe(true);
  expect(time.nowMs()).toBe(Date.parse("2026-01-01T00:00:00Z"));
  expect(time.learnFrom(maestroError("host_unknown", "x"))).toBe(false);
});

test.each([
  ["https://example.com", true],
  ["http://127.0.0.1:23000", true],
  ["http://[::1]:1", true],
  ["http://localhost", true],
  ["http://100.64.0.7:23000", true],
  ["http://100.1.0.7:23000", false],
  ["http://example.com", false],
  ["http://localhost.evil.com", false],
])("plain http is spoken to loopback and allowed networks only: %s", (url, allowed) => {
  const checked = checkServerUrl(url, ["100.64.0.0/10"]);
  expect(checked.ok).toBe(allowed);
  if (!checked.ok) expect(checked.error.code).toBe("insecure_url");
});

test("a pin is read in the forms people paste", () => {
  const hex = "ab".repeat(32);
  const base64 = Buffer.from(hex, "hex").toString("base64");
  for (const text of [
    hex,
    hex.toUpperCase(),
    `sha256:${hex}`,
    `SHA256:${hex.match(/../g)?.join(":")}`,
    `sha256//${base64}`,
    base64.replace("=", ""),
  ])
    expect(parsePin(text)).toEqual(ok(hex));
  expect(parsePin("nonsense").ok).toBe(false);
});

test("[LK5] Retry-After is read as seconds or date, and never parks a host for long", () => {
  expect(readRetryAfter("7", 0)).toBe(7_000);
  expect(readRetryAfter("Thu, 01 Jan 1970 00:00:09 GMT", 2_000)).toBe(7_000);
  expect(readRetryAfter("999999999", 0)).toBe(300_000);
  expect(readRetryAfter("soon", 0)).toBeUndefined();
});

test("[LK8] small movements of the load are not told", () => {
  const last = { cpu: 0.5, memory: 0.5, disk: 0.5, load1: 2 };
  expect(isMaterial(undefined, last)).toBe(true);
  expect(isMaterial(last, { ...last, cpu: 0.55, memory: 0.51 })).toBe(false);
  expect(isMaterial(last, { ...last, cpu: 0.7 })).toBe(true);
  expect(isMaterial(last, { ...last, disk: 0.52 })).toBe(true);
  expect(isMaterial(last, { ...last, load1: 4 }, 2)).toBe(true);
  expect(isMaterial(last, { ...last, load1: 2.4 }, 2)).toBe(false);
});

test("[LK8] an idle machine says nothing while its load average dies away", () => {
  const told = { cpu: 0.02, memory: 0.5, disk: 0.5, load1: 1.3 };
  for (const load1 of [1, 0.6, 0.2, 0]) expect(isMaterial(told, { ...told, load1 }, 2)).toBe(false);
});
