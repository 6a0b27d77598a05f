import { afterEach, expect, test } from "vitest";
import { ServerTime } from "../link/server-time.ts";
import { systemClock } from "./clock.ts";
import { readIdentity, readNextKey } from "./identity.ts";
import { rotateKey } from "./rotate-key.ts";
import { rotatingHost } from "./testing/key-server.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp() {
  const { server, home } = await rotatingHost(undo);
  const { hostId, origin } = home.identity.record;
  const deps = {
    paths: home.paths,
    identity: home.identity,
    claimant: { hostId, origin, instance: "instance1", bootId: "boot" },
    epoch: { start: 1, connect: 1 },
    serverTime: new ServerTime(systemClock),
    signal: new AbortController().signal,
  };
  return { server, home, deps };
}

test("a rotation ends with both sides on the new key and nothing waiting", async () => {
  const { server, home, deps } = await setUp();
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(server.key);
  expect(server.key).not.toBe(home.identity.signing.public);
  expect(readNextKey(home.paths, home.identity)).toBeUndefined();
});

test("an answer that was lost strands nobody: the rotation is ended with the same key (F37)", async () => {
  const { server, home, deps } = await setUp();
  server.lose = 1;
  expect(await rotateKey(deps)).toMatchObject({ ok: false, error: { code: "server_unreachable" } });
  expect(readIdentity(home.paths)?.signing).toEqual(home.identity.signing);
  expect(readNextKey(home.paths, home.identity)?.public).toBe(server.key);
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(server.key);
});

test("the same after the old key's day is over (F37)", async () => {
  const { server, home, deps } = await setUp();
  server.lose = 1;
  await rotateKey(deps);
  server.acceptsPrevious = false;
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(server.key);
});

test("a wrong clock is corrected on the way", async () => {
  const { server, deps } = await setUp();
  server.skew = 1;
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(server.calls).toBe(2);
});
