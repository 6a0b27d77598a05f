import { createPublicKey, verify } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { maestroError, toProblem } from "@maestro/shared/errors";
import { hostSigningText, parseHostAuthorization, rotateSigningText } from "@maestro/shared/protocol/link-auth";
import { ServerTime } from "../link/server-time.ts";
import { systemClock } from "./clock.ts";
import { readIdentity, readNextKey } from "./identity.ts";
import { rotateKey } from "./rotate-key.ts";
import { FakeRelay } from "./testing/fake-relay.ts";
import { joinedHome } from "./testing/host-home.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A control plane with one host; `lose` swallows answers after the work is done. */
async function setUp() {
  const state = { key: "", previous: "", acceptsPrevious: true, lose: 0, skew: 0, calls: 0 };
  const verifies = (key: string, text: string, signature: string) =>
    key !== "" &&
    verify(
      null,
      Buffer.from(text),
      createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key }, format: "jwk" }),
      Buffer.from(signature, "base64url"),
    );
  const relay: FakeRelay = await new FakeRelay({
    http: (request, body) => {
      state.calls += 1;
      const refuse = (code: "signature_invalid" | "proof_invalid" | "clock_skew", extra = {}) => ({
        status: 401,
        json: toProblem(maestroError(code, "x", { extra }), "r"),
      });
      const parsed = parseHostAuthorization(request.headers.authorization ?? "");
      if (!parsed.ok) return refuse("signature_invalid");
      const text = hostSigningText(parsed.value.claim, relay.origin, "POST", "/api/v1/hosts/self/key");
      const keys = [state.key, ...(state.acceptsPrevious ? [state.previous] : [])];
      if (!keys.some((key) => verifies(key, text, parsed.value.signature))) return refuse("signature_invalid");
      if (state.skew > 0) {
        state.skew -= 1;
        return refuse("clock_skew", { serverTime: Date.now() + 3_600_000 });
      }
      const asked: { signingKey: string; proof: string } = JSON.parse(body);
      const vouching = state.key === asked.signingKey ? state.previous : state.key;
      if (!verifies(vouching, rotateSigningText(relay.origin, home.identity.record.hostId, asked.signingKey), asked.proof))
        return refuse("proof_invalid");
      if (state.key !== asked.signingKey) [state.previous, state.key] = [state.key, asked.signingKey];
      if (state.lose > 0) {
        state.lose -= 1;
        request.socket.destroy();
      }
      return { status: 204, json: undefined };
    },
  }).listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  state.key = home.identity.signing.public;
  const { hostId, origin } = home.identity.record;
  const deps = {
    paths: home.paths,
    identity: home.identity,
    claimant: { hostId, origin, instance: "instance1", bootId: "boot" },
    epoch: { start: 1, connect: 1 },
    serverTime: new ServerTime(systemClock),
    signal: new AbortController().signal,
  };
  return { state, home, deps };
}

test("a rotation ends with both sides on the new key and nothing waiting", async () => {
  const { state, home, deps } = await setUp();
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(state.key);
  expect(state.key).not.toBe(home.identity.signing.public);
  expect(readNextKey(home.paths, home.identity.record.hostId)).toBeUndefined();
});

test("an answer that was lost strands nobody: the rotation is ended with the same key (F37)", async () => {
  const { state, home, deps } = await setUp();
  state.lose = 1;
  expect(await rotateKey(deps)).toMatchObject({ ok: false, error: { code: "server_unreachable" } });
  expect(readIdentity(home.paths)?.signing).toEqual(home.identity.signing);
  expect(readNextKey(home.paths, home.identity.record.hostId)?.public).toBe(state.key);
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(state.key);
});

test("the same after the old key's day is over (F37)", async () => {
  const { state, home, deps } = await setUp();
  state.lose = 1;
  await rotateKey(deps);
  state.acceptsPrevious = false;
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(readIdentity(home.paths)?.signing.public).toBe(state.key);
});

test("a wrong clock is corrected on the way", async () => {
  const { state, deps } = await setUp();
  state.skew = 1;
  expect((await rotateKey(deps)).ok).toBe(true);
  expect(state.calls).toBe(2);
});
