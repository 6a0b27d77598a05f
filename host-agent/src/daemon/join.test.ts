import { createPublicKey, verify } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, statSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { maestroError, toProblem } from "@maestro/shared/errors";
import { joinSigningText } from "@maestro/shared/protocol/link-auth";
import { formatToken } from "@maestro/shared/token";
import { joinHost } from "./join.ts";
import { readIdentity } from "./identity.ts";
import { FakeRelay } from "./testing/fake-relay.ts";
import { makeHome } from "./testing/host-home.ts";
import { noRoot, titled } from "./testing/needs.ts";
import { selfSigned } from "./testing/self-signed.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const token = formatToken("join", crypto.getRandomValues(new Uint8Array(120)));

async function server(tls?: { key: string; cert: string }, refuse?: { status: number; json: unknown }) {
  const seen: Record<string, unknown>[] = [];
  const relay: FakeRelay = await new FakeRelay({
    ...(tls === undefined ? {} : { tls }),
    http: (_request, body) => {
      const asked: Record<string, string> = JSON.parse(body);
      seen.push(asked);
      if (refuse !== undefined) return refuse;
      if (asked["proof"] === undefined) return { status: 200, json: { step: "prove", nonce: "nonce-1" } };
      const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: asked["signingKey"] ?? "" }, format: "jwk" });
      const text = joinSigningText(relay.origin, "nonce-1", asked["signingKey"] ?? "", asked["sealingKey"] ?? "");
      if (!verify(null, Buffer.from(text), key, Buffer.from(asked["proof"], "base64url")))
        return { status: 401, json: toProblem(maestroError("proof_invalid", "no"), "r") };
      return {
        status: 200,
        json: {
          step: "joined",
          host: { id: "hst_01j9zzzzzzzzzzzzzzzzzzzzzz", name: "box" },
          fleet: "flt_1",
          origin: relay.origin,
          serverTime: new Date().toISOString(),
        },
      };
    },
  }).listen();
  undo.push(() => relay.close());
  const home = makeHome();
  undo.push(() => home.remove());
  return { relay, home, seen };
}

test("joining proves possession of a key made here, and keeps it where only its owner reads it", async () => {
  const { relay, home, seen } = await server();
  const joined = await joinHost({ paths: home.paths, url: `${relay.origin}/`, token, labels: { gpu: "yes" }, allowHttp: [] });
  expect(joined).toMatchObject({ ok: true, value: { name: "box", url: relay.origin } });
  expect(statSync(home.paths.identityFile).mode & 0o777).toBe(0o600);
  const identity = readIdentity(home.paths);
  expect(identity?.signing.public).toBe(seen[0]?.["signingKey"]);
  expect(JSON.stringify(seen)).not.toContain(identity?.signing.private);
  expect(seen.map((body) => body["proof"] === undefined)).toEqual([true, false]);
});

test("a machine that already joined is told so before a token is spent, unless forced", async () => {
  const { relay, home, seen } = await server();
  const options = { paths: home.paths, url: relay.origin, token, labels: {}, allowHttp: [] };
  await joinHost(options);
  expect(await joinHost(options)).toMatchObject({ ok: false, error: { code: "host_exists" } });
  expect(seen).toHaveLength(2);
  expect((await joinHost({ ...options, force: true })).ok).toBe(true);
});

test("the server's refusal comes back with its own code, and nothing is written", async () => {
  const { relay, home } = await server(undefined, {
    status: 401,
    json: toProblem(maestroError("join_token_used", "used", { hint: "make one" }), "r"),
  });
  expect(await joinHost({ paths: home.paths, url: relay.origin, token, labels: {}, allowHttp: [] })).toMatchObject({
    ok: false,
    error: { code: "join_token_used", hint: "make one" },
  });
  expect(existsSync(home.paths.identityFile)).toBe(false);
});

test("a mistyped token, an insecure address and a server that is not there are told apart", async () => {
  const { relay, home } = await server();
  const base = { paths: home.paths, labels: {}, allowHttp: [] };
  expect(await joinHost({ ...base, url: relay.origin, token: `${token.slice(0, -1)}x` })).toMatchObject({
    error: { code: "token_malformed" },
  });
  expect(await joinHost({ ...base, url: "http://192.0.2.1", token })).toMatchObject({ error: { code: "insecure_url" } });
  expect(await joinHost({ ...base, url: "http://127.0.0.1:1", token })).toMatchObject({ error: { code: "server_unreachable" } });
  expect(await joinHost({ ...base, url: relay.origin, token, pin: "zz" })).toMatchObject({
    error: { code: "field_invalid", field: "pin" },
  });
});

test("a self-signed server is joined by its pin; without or with a wrong pin it hears nothing", async () => {
  const { key, cert, pin } = selfSigned();
  const { relay, home, seen } = await server({ key, cert });
  const base = { paths: home.paths, url: relay.origin, token, labels: {}, allowHttp: [] };
  expect(await joinHost(base)).toMatchObject({ error: { code: "server_unreachable" } });
  expect(await joinHost({ ...base, pin: "0".repeat(64) })).toMatchObject({ error: { code: "tls_pin_mismatch" } });
  expect(seen).toHaveLength(0);
  expect(await joinHost({ ...base, pin })).toMatchObject({ ok: true });
  expect(readIdentity(home.paths)?.record.pin).toBe(pin);
});

test("an identity that others can read is refused with the command that repairs it", async () => {
  const { relay, home } = await server();
  await joinHost({ paths: home.paths, url: relay.origin, token, labels: {}, allowHttp: [] });
  chmodSync(home.paths.identityFile, 0o644);
  expect(() => readIdentity(home.paths)).toThrow(/insecure_permissions.*0644/);
});

test.skipIf(noRoot !== undefined)(titled("root who joins in another user's home leaves the identity to that user", noRoot), async () => {
  const { relay, home } = await server();
  mkdirSync(home.paths.home, { mode: 0o700 });
  chownSync(home.paths.home, 54_321, 54_322);
  expect((await joinHost({ paths: home.paths, url: relay.origin, token, labels: {}, allowHttp: [] })).ok).toBe(true);
  expect([home.paths.hostDir, home.paths.identityFile].map((file) => statSync(file).uid)).toEqual([54_321, 54_321]);
});
