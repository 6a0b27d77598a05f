/** A new key for a host: only the process that is its link, or comes after it, may give it one; and it is told. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { rotateSigningText, type HostClaim } from "@maestro/shared/protocol/link-auth";
import { bootstrap, call, joinHost, json, keypair, ORIGIN, refusal, type Fleet, type TestHost } from "./access-fleet.ts";
import { LINK, linkUp, upgrade } from "./support/linked-fleet.ts";

const PATH = "/api/v1/hosts/self/key";
const OTHER = "instance-0002";

interface Told {
  type: string;
  summary: string;
  data: Record<string, unknown>;
}

async function setUp(): Promise<{ fleet: Fleet; host: TestHost; relay: () => DurableObjectStub; told(): Promise<Told[]> }> {
  const fleet = await bootstrap();
  const host = await joinHost(fleet, "builder");
  return {
    fleet,
    host,
    relay: () => env.HOST_RELAY.getByName(`${fleet.id}/${host.id}`),
    told: async () => (await env.FEED.getByName(fleet.id).events("0", 100)).items.map(({ json: text }) => JSON.parse(text) as Told),
  };
}

/** @param change of the claim that the request is signed with. */
async function rotate(host: TestHost, change: Partial<HostClaim> = {}, next?: string): Promise<Response> {
  const signingKey = next ?? (await keypair()).publicKey;
  return call(PATH, {
    headers: { authorization: await host.authorization("POST", PATH, change) },
    body: { signingKey, proof: await host.key.sign(rotateSigningText(ORIGIN, host.id, signingKey)) },
  });
}

const keyOf = (host: TestHost): Promise<unknown> =>
  env.DB.prepare("select signing_key from hosts where id = ?").bind(host.id).first("signing_key");
const about = (events: Told[], ...types: string[]): Told[] => events.filter(({ type }) => types.includes(type));

describe("[LK2] a host's key", () => {
  test("is rotated by the process that is its link, across evictions; it is told once, without alarm", async () => {
    const { host, relay, told } = await setUp();
    await linkUp(host);
    await evictDurableObject(relay());
    const { publicKey } = await keypair();
    expect((await rotate(host, {}, publicKey)).status).toBe(204);
    expect((await rotate(host, {}, publicKey)).status, "the answer was lost: asking again is harmless").toBe(204);
    expect(await keyOf(host)).toBe(publicKey);
    const events = about(await told(), "host.key_rotated", "alert");
    expect(events).toMatchObject([{ type: "host.key_rotated", data: { name: "builder" } }]);
  });

  test("is rotated by the last link's process after the link was cut, and an older epoch of it does no harm", async () => {
    const { host, told, fleet } = await setUp();
    const link = await linkUp(host);
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(call(`/api/v1/hosts/${host.id}`, { token: fleet.owner.token }))).status).not.toBe("never");
    expect((await rotate(host, { epoch: { start: 1, connect: 1 } })).status).toBe(204);
    expect(about(await told(), "alert")).toEqual([]);
    await linkUp(host);
  });

  test("is not rotated by another process beside the link, whatever its epoch; the link stays, and an alert says so", async () => {
    const { host, told } = await setUp();
    const link = await linkUp(host);
    const before = await keyOf(host);
    await refusal(rotate(host, { instance: OTHER, epoch: { start: 9, connect: 1 } }), "superseded");
    expect(await keyOf(host)).toBe(before);
    await link.pingPong();
    await expect.poll(async () => about(await told(), "alert")).toMatchObject([{ data: { name: "builder", code: "superseded" } }]);
    expect(about(await told(), "host.key_rotated")).toEqual([]);
  });

  test("[F22] a copy at or below the last epoch locks the identity, as if it had dialled, whether a link is open or not", async () => {
    const { host, told, fleet } = await setUp();
    const link = await linkUp(host);
    const before = await keyOf(host);
    await refusal(rotate(host, { instance: OTHER, epoch: { start: 1, connect: 1 } }), "host_locked");
    expect(await link.closed).toEqual({ code: 4403, reason: "host_locked" });
    await refusal(rotate(host), "host_locked");
    await refusal(upgrade(LINK, { authorization: await host.authorization("GET", LINK) }), "host_locked");
    expect(await keyOf(host)).toBe(before);
    await expect.poll(async () => about(await told(), "host.locked", "alert").map(({ type }) => type)).toEqual(["host.locked", "alert"]);
    const unlocked = await call(`/api/v1/hosts/${host.id}/unlock`, { method: "POST", token: fleet.owner.token });
    expect(unlocked.status, await unlocked.text()).toBe(200);
    await linkUp(host);
    expect((await rotate(host)).status).toBe(204);
  });

  test("that a process rotates which was never the link raises an alert; the one before it then shows itself", async () => {
    const { host, told } = await setUp();
    const link = await linkUp(host);
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await rotate(host, { instance: OTHER, epoch: { start: 9, connect: 1 } })).status).toBe(204);
    expect(about(await told(), "host.key_rotated", "alert").filter(({ data }) => data["code"] !== "superseded")).toMatchObject([
      { type: "host.key_rotated" },
      { type: "alert", data: { name: "builder", code: "key_rotated" } },
    ]);
    await refusal(upgrade(LINK, { authorization: await host.authorization("GET", LINK) }), "host_locked");
  });

  test("is rotated after an unlock by the process that comes back first, before it dials, without alarm", async () => {
    const { host, told, fleet } = await setUp();
    await linkUp(host);
    await refusal(rotate(host, { instance: OTHER, epoch: { start: 1, connect: 1 } }), "host_locked");
    const unlocked = await call(`/api/v1/hosts/${host.id}/unlock`, { method: "POST", token: fleet.owner.token });
    expect(unlocked.status, await unlocked.text()).toBe(200);
    expect((await rotate(host)).status).toBe(204);
    const events = about(await told(), "host.key_rotated", "alert");
    expect(events.filter(({ type, data }) => type === "host.key_rotated" || data["code"] === "key_rotated")).toMatchObject([
      { type: "host.key_rotated" },
    ]);
  });

  test("[LK1] row 50: is not rotated twice with one signature", async () => {
    const { host } = await setUp();
    const nonce = "same-nonce-same-nonce";
    const { publicKey } = await keypair();
    expect((await rotate(host, { nonce }, publicKey)).status).toBe(204);
    await refusal(rotate(host, { nonce }, publicKey), "nonce_replayed");
  });
});
