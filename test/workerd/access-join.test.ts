/** Enrolment, host signatures, clock skew, key rotation, the lock. */
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { CLOCK_WINDOW_MS } from "@maestro/shared/limits";
import { joinSigningText, rotateSigningText } from "@maestro/shared/protocol/link-auth";
import { formatToken } from "@maestro/shared/token";
import { configOf } from "../../control-plane/src/config.ts";
import { originsHere } from "../../control-plane/src/http/origin.ts";
import { bootstrap, call, join, joinHost, joinToken, json, keypair, ORIGIN, refusal, testHost, type Fleet } from "./access-fleet.ts";

let fleet: Fleet;
beforeEach(async () => {
  fleet = await bootstrap();
});

const ME = "/api/v1/me";

describe("join tokens", () => {
  it("come with the line to paste, the token in the environment and in no argument", async () => {
    const made = await json(call("/api/v1/hosts/joins", { token: fleet.owner.token, body: { name: "web-1", ttlSeconds: 60 } }));
    expect(made.line).toBe(`curl -fsSL ${ORIGIN}/install.sh | MAESTRO_JOIN=${made.token} sh`);
    expect(made.url).toBe(ORIGIN);
    expect(Date.parse(made.expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  });

  it("enrol one machine once", async () => {
    const token = await joinToken(fleet);
    const key = await keypair();
    const { host, fleet: id, origin } = await json(join(token, "web-1", key));
    expect({ name: host.name, id, origin }).toEqual({ name: "web-1", id: fleet.id, origin: ORIGIN });
    await refusal(join(token, "web-2", await keypair()), "join_token_used");
  });

  it("of two machines with one token at once, one gets in", async () => {
    const token = await joinToken(fleet);
    const answers = await Promise.all(["a", "b", "c"].map(async (name) => join(token, name, await keypair())));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401]);
    expect(await env.DB.prepare("select count(*) as n from hosts").first("n")).toBe(1);
  });

  it("enrol five machines a minute behind one address, though some of them try twice", async () => {
    const ip = "192.0.2.30";
    for (let n = 1; n <= 5; n++) {
      const token = await joinToken(fleet);
      if (n % 2 === 0) await refusal(join(token, "Not a name", await keypair(), ORIGIN, {}, ip), "field_invalid");
      expect((await join(token, `rack-${n}`, await keypair(), ORIGIN, {}, ip)).status).toBe(200);
    }
  });

  it("cannot be guessed at any speed: an address is stopped within its minute", async () => {
    const ip = "192.0.2.31";
    const guess = formatToken("join", new Uint8Array(80).fill(1));
    const tries = async () => (await join(guess, "a", await keypair(), ORIGIN, {}, ip)).status;
    const answers: number[] = [];
    // The window may turn over once on the way.
    while (answers.length < 45 && !answers.includes(429)) answers.push(await tries());
    expect(answers.at(-1)).toBe(429);
  });

  it("expire, and unknown ones are told apart from used ones", async () => {
    const token = await joinToken(fleet);
    await env.DB.prepare("update joins set expires_ms = 1").run();
    await refusal(join(token, "a", await keypair()), "join_token_expired");
    await refusal(join(formatToken("join", new Uint8Array(80).fill(1)), "a", await keypair()), "join_token_invalid");
    await refusal(join(fleet.owner.token, "a", await keypair()), "token_malformed");
  });

  it("bind a name and labels", async () => {
    const token = await joinToken(fleet, { name: "gpu-1", labels: { zone: "a" } });
    expect((await refusal(join(token, "other", await keypair()), "field_invalid")).field).toBe("name");
    const { host } = await json(join(token, undefined, await keypair()));
    expect(host.name).toBe("gpu-1");
    expect(JSON.parse((await env.DB.prepare("select labels from hosts").first("labels")) ?? "")).toEqual({ zone: "a" });
  });

  it("a taken name is host_exists with a free one suggested, and the token stays good", async () => {
    await joinHost(fleet, "web");
    const token = await joinToken(fleet);
    expect((await refusal(join(token, "web", await keypair()), "host_exists")).hint).toBe("Join as --name web-2.");
    expect((await join(token, "web-2", await keypair())).status).toBe(200);
  });

  it("a machine's own name is a suggestion: the token's wins, and a taken one gets a number", async () => {
    await joinHost(fleet, "web");
    const suggest = async (token: string) => (await json(join(token, "web", await keypair(), ORIGIN, { suggested: true }))).host.name;
    expect(await suggest(await joinToken(fleet))).toBe("web-2");
    expect(await suggest(await joinToken(fleet, { name: "gpu-1" }))).toBe("gpu-1");
  });

  it("a name that is none is refused with one that is", async () => {
    expect((await refusal(join(await joinToken(fleet), "Web Server!", await keypair()), "field_invalid")).hint).toBe("Try web-server.");
  });
});

describe("proof of possession", () => {
  it.each(["another key", "another origin", "a nonce for other keys"])("%s proves nothing", async (what) => {
    const token = await joinToken(fleet);
    const key = await keypair();
    const other = await keypair();
    const body = { token, name: "a", signingKey: key.publicKey, sealingKey: "A".repeat(43) };
    const { nonce } = await json(
      call("/api/v1/hosts/join", { body: what === "a nonce for other keys" ? { ...body, signingKey: other.publicKey } : body }),
    );
    const signer = what === "another key" ? other : key;
    const proof = await signer.sign(
      joinSigningText(what === "another origin" ? "https://evil.test" : ORIGIN, nonce, key.publicKey, body.sealingKey),
    );
    await refusal(call("/api/v1/hosts/join", { body: { ...body, nonce, proof } }), "proof_invalid");
    expect(await env.DB.prepare("select count(*) as n from hosts").first("n")).toBe(0);
  });

  it("keys that are no keys are named", async () => {
    const problem = await refusal(
      call("/api/v1/hosts/join", { body: { token: await joinToken(fleet), name: "a", signingKey: "short", sealingKey: "A".repeat(43) } }),
      "field_invalid",
    );
    expect(problem.field).toBe("signingKey");
  });
});

describe("[LK1] a host's signature", () => {
  const signed = (authorization: string, path = ME): Promise<Response> => call(path, { headers: { authorization } });

  it("opens what is for hosts", async () => {
    const host = await joinHost(fleet, "web");
    const me = await json(signed(await host.authorization("GET", ME)));
    expect(me.principal).toEqual({ kind: "host", id: host.id, name: "web" });
    expect((await signed(await host.authorization("GET", "/api/v1/agents"), "/api/v1/agents")).status).toBe(403);
  });

  it("by another key, for another path or from a stranger is refused", async () => {
    const host = await joinHost(fleet, "web");
    await refusal(signed(await host.authorization("GET", ME, {}, await keypair())), "signature_invalid");
    await refusal(signed(await host.authorization("GET", "/api/v1/hosts")), "signature_invalid");
    await refusal(signed(await host.authorization("POST", ME)), "signature_invalid");
    await refusal(signed("Maestro-Host id=x"), "signature_invalid");
    await refusal(signed(await testHost("hst_00000000000000000000000000", "x", host.key).authorization("GET", ME)), "host_unknown");
  });

  it("for the address it dialled is as good as for the server's name, and for no third one", async () => {
    const host = await joinHost(fleet, "web");
    const authorization = await host.authorization("GET", ME);
    await refusal(exports.default.fetch(`https://other.test${ME}`, { headers: { authorization } }), "signature_invalid");
    const config = { publicOrigin: "https://named.test" };
    expect(originsHere({ ...(await configOf(env)), ...config }, new URL(`${ORIGIN}${ME}`))).toEqual(["https://named.test", ORIGIN]);
  });

  it.each([-1, 1])("with a clock %i × 121 s off is told the server's time", async (sign) => {
    const host = await joinHost(fleet, "web");
    const problem = await refusal(
      signed(await host.authorization("GET", ME, { timeMs: Date.now() + sign * (CLOCK_WINDOW_MS + 1000) })),
      "clock_skew",
    );
    expect(problem["serverTime"]).toBeTypeOf("number");
    expect(Math.abs(Number(problem["serverTime"]) - Date.now())).toBeLessThan(5_000);
    expect((await signed(await host.authorization("GET", ME, { timeMs: Date.now() + sign * (CLOCK_WINDOW_MS - 5000) }))).status).toBe(200);
  });

  it("of a locked host is refused, with who can unlock it", async () => {
    const host = await joinHost(fleet, "web");
    await env.DB.prepare("update hosts set locked_reason = 'seen twice', locked_ms = 1").run();
    const problem = await refusal(signed(await host.authorization("GET", ME)), "host_locked");
    expect(problem.hint).toContain("maestro host unlock web");
  });
});

describe("key rotation", () => {
  const PATH = "/api/v1/hosts/self/key";

  it("hands over to a new key; the old one works 24 h longer", async () => {
    const host = await joinHost(fleet, "web");
    const next = await keypair();
    const rotate = async (): Promise<Response> =>
      call(PATH, {
        headers: { authorization: await host.authorization("POST", PATH) },
        body: { signingKey: next.publicKey, proof: await host.key.sign(rotateSigningText(ORIGIN, host.id, next.publicKey)) },
      });
    expect((await rotate()).status).toBe(204);
    expect((await rotate()).status, "the answer was lost: asking again is harmless").toBe(204);
    for (const key of [host.key, next])
      expect((await call(ME, { headers: { authorization: await host.authorization("GET", ME, {}, key) } })).status).toBe(200);
    await env.DB.prepare("update hosts set previous_until_ms = 1").run();
    await refusal(call(ME, { headers: { authorization: await host.authorization("GET", ME, {}, host.key) } }), "signature_invalid");
    expect((await call(ME, { headers: { authorization: await host.authorization("GET", ME, {}, next) } })).status).toBe(200);
  });

  it("needs the present key's word for the new one, and the old key cannot rotate on", async () => {
    const host = await joinHost(fleet, "web");
    const [next, third] = [await keypair(), await keypair()];
    const rotate = async (to: string, by: typeof next): Promise<Response> =>
      call(PATH, {
        headers: { authorization: await host.authorization("POST", PATH, {}, by) },
        body: { signingKey: to, proof: await by.sign(rotateSigningText(ORIGIN, host.id, to)) },
      });
    await refusal(
      call(PATH, {
        headers: { authorization: await host.authorization("POST", PATH) },
        body: { signingKey: next.publicKey, proof: await next.sign(rotateSigningText(ORIGIN, host.id, next.publicKey)) },
      }),
      "proof_invalid",
    );
    expect((await rotate(next.publicKey, host.key)).status).toBe(204);
    await refusal(rotate(third.publicKey, host.key), "proof_invalid");
    expect((await rotate(third.publicKey, next)).status).toBe(204);
  });
});
