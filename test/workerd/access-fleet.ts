/** A fleet to talk to over HTTP, as a person, a browser or a host would. */
import { env, exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { ErrorCode, Problem } from "@maestro/shared/errors";
import { ERRORS } from "@maestro/shared/errors";
import { formatHostAuthorization, hostSigningText, joinSigningText, type HostClaim } from "@maestro/shared/protocol/link-auth";

export const ORIGIN = "https://maestro.test";

/** Rate limits are per address and outlive a test, so every fleet comes from its own. */
let addresses = 0;
export const freshAddress = (): string => `10.${Math.floor(++addresses / 65536)}.${Math.floor(addresses / 256) % 256}.${addresses % 256}`;

export interface Call {
  method?: string;
  token?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: BodyInit;
  ip?: string;
}

export async function call(path: string, { method, token, headers = {}, body, raw, ip }: Call = {}): Promise<Response> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  return exports.default.fetch(
    new Request(`${ORIGIN}${path}`, {
      method: method ?? (payload === undefined ? "GET" : "POST"),
      redirect: "manual",
      headers: {
        "cf-connecting-ip": ip ?? freshAddress(),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    }),
  );
}

/** The answer's JSON, whatever it is; for reading fields in a test. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test states what it reads by reading it
export async function json(answer: Response | Promise<Response>): Promise<any> {
  return (await answer).json();
}

/** The refusal, checked for what every refusal must be. */
export async function refusal(answer: Response | Promise<Response>, code: ErrorCode): Promise<Problem & Record<string, unknown>> {
  const response = await answer;
  const text = await response.text();
  expect(text, `expected ${code}`).toContain(`"code":"${code}"`);
  const problem: Problem & Record<string, unknown> = JSON.parse(text);
  expect(response.status).toBe(ERRORS[code].status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(problem).toMatchObject({ type: `/problems/${code}`, title: ERRORS[code].title, status: ERRORS[code].status });
  expect(problem.requestId).toMatch(/^req_[0-9a-z]{26}$/);
  expect(text).not.toMatch(/\bat .*\.ts|\.js:\d+|Error:/);
  return problem;
}

export interface Fleet {
  id: string;
  member: string;
  owner: { id: string; token: string };
}

export async function bootstrap(): Promise<Fleet> {
  const answer = await call("/api/v1/bootstrap", { body: { secret: env.TEST_BOOTSTRAP } });
  expect(answer.status).toBe(201);
  const { fleet, member, token } = await json(answer);
  return { id: fleet, member, owner: { id: token.id, token: token.token } };
}

export async function makeToken(fleet: Fleet, body: Record<string, unknown>): Promise<{ id: string; token: string }> {
  const answer = await call("/api/v1/tokens", { token: fleet.owner.token, body });
  expect(answer.status, await answer.clone().text()).toBe(201);
  const { token, secret } = await json(answer);
  return { id: token.id, token: secret };
}

export interface Browser {
  headers: Record<string, string>;
  writeHeaders: Record<string, string>;
}

export async function logIn(body: { token: string } | { link: string }, headers: Record<string, string> = {}): Promise<Browser> {
  const answer = await call("/api/v1/login", { body, headers });
  expect(answer.status, await answer.clone().text()).toBe(200);
  const { key, csrf } = await json(answer);
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const reading = { cookie, "x-maestro-key": key };
  return {
    headers: reading,
    writeHeaders: {
      ...reading,
      "x-maestro-csrf": csrf,
      origin: ORIGIN,
      "sec-fetch-site": "same-origin",
      "content-type": "application/json",
    },
  };
}

const b64 = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

export interface Keypair {
  publicKey: string;
  sign(text: string): Promise<string>;
}

export async function keypair(): Promise<Keypair> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("publicKey" in pair)) throw new Error("a pair was asked for");
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error("raw bytes were asked for");
  return {
    publicKey: b64(raw),
    sign: async (text) => b64(await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text))),
  };
}

export interface TestHost {
  id: string;
  name: string;
  key: Keypair;
  /** Signs like a host-agent; `change` bends the claim before it is signed. */
  authorization(method: string, path: string, change?: Partial<HostClaim>, key?: Keypair): Promise<string>;
}

/** A point of the curve whose secret nobody needs: what is sealed for it is not opened here. */
const SEALING_KEY = `CQ${"A".repeat(41)}`;

export async function joinToken(fleet: Fleet, body: Record<string, unknown> = {}): Promise<string> {
  return (await json(call("/api/v1/hosts/joins", { token: fleet.owner.token, body }))).token;
}

export async function join(
  token: string,
  name: string | undefined,
  key: Keypair,
  origin = ORIGIN,
  more: object = {},
  ip = freshAddress(),
): Promise<Response> {
  const body = { token, ...more, ...(name === undefined ? {} : { name }), signingKey: key.publicKey, sealingKey: SEALING_KEY };
  const first = await call("/api/v1/hosts/join", { ip, body });
  if (first.status !== 200) return first;
  const { nonce } = await json(first);
  return call("/api/v1/hosts/join", {
    ip,
    body: { ...body, nonce, proof: await key.sign(joinSigningText(origin, nonce, key.publicKey, SEALING_KEY)) },
  });
}

export async function joinHost(fleet: Fleet, name: string): Promise<TestHost> {
  const key = await keypair();
  const answer = await join(await joinToken(fleet), name, key);
  expect(answer.status, await answer.clone().text()).toBe(200);
  const { host } = await json(answer);
  return testHost(host.id, name, key);
}

export function testHost(id: string, name: string, key: Keypair): TestHost {
  let connect = 0;
  return {
    id,
    name,
    key,
    async authorization(method, path, change = {}, by = key) {
      const claim: HostClaim = {
        id,
        epoch: { start: 1, connect: ++connect },
        instance: "instance-0001",
        bootId: "boot-1",
        timeMs: Date.now(),
        nonce: b64(crypto.getRandomValues(new Uint8Array(16)).buffer),
        ...change,
      };
      return formatHostAuthorization(claim, await by.sign(hostSigningText(claim, ORIGIN, method, path)));
    },
  };
}
