/** A session is its first host's: what another host says of it is not believed. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import type { RequestWithoutId } from "../../control-plane/src/objects/host-relay/link-socket.ts";
import type { FakeHost } from "./support/fake-host.ts";
import { sessionInfo } from "./support/host-words.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";

const mine = sessionInfo({ name: "work" });
const other = sessionInfo({ name: "own" });
const ended = { ...mine, end: { reason: "exited" as const, code: 0, atMs: 1 } };

let owner: RelayFixture;
let liar: RelayFixture;
beforeEach(async () => {
  owner = relayFixture();
  liar = relayFixture(owner.fleet);
  await owner.host_([mine]);
  await expect.poll(() => found()).toEqual([owner.host]);
});

const feed = () => env.FEED.getByName(owner.fleet);
const found = async (): Promise<string[]> => (await feed().findSessions(mine.id, 10)).map(({ host }) => host);
const sessionsOf = async ({ host }: RelayFixture): Promise<string[]> => (await feed().present(host))[0]?.sessions.map(({ id }) => id) ?? [];

async function told(): Promise<string[]> {
  const { items } = await feed().events("0", 100);
  return items.map(({ json }) => {
    const { type, subject } = JSON.parse(json) as { type: string; subject: string };
    return `${type} ${subject}`;
  });
}

/** Whatever it has to say of the session, in every way there is, and in the end something of its own. */
async function lie(host: FakeHost): Promise<void> {
  host.say({ t: "sessions", upsert: [mine], removed: [] });
  host.say({ t: "sessions", upsert: [ended], removed: [] });
  host.say({ t: "sessions", upsert: [], removed: [mine.id] });
  host.say({ t: "sessions", upsert: [mine, { ...other, end: ended.end }], removed: [] });
  await expect.poll(told).toContain(`session.ended ${other.id}`);
}

describe("a host that names another host's session", () => {
  test("draws no look-up to itself, changes nothing of it, and is told of once, across evictions", async () => {
    const host = await liar.host_([mine, other]);
    await expect.poll(() => sessionsOf(liar)).toEqual([other.id]);
    await liar.evict();
    await evictDurableObject(feed());
    await lie(host);
    await liar.host_([mine, ended, other]);
    await expect.poll(told).toContain(`alert ${liar.host}`);
    await liar.stub.status();

    expect(await found()).toEqual([owner.host]);
    expect(await sessionsOf(owner)).toEqual([mine.id]);
    expect((await feed().present(owner.host))[0]?.sessions[0]?.end).toBeUndefined();
    const all = await told();
    expect(all.filter((line) => line.startsWith("alert"))).toEqual([`alert ${liar.host}`]);
    expect(all.filter((line) => line.endsWith(mine.id))).toEqual([`session.created ${mine.id}`]);
  });

  test("is told of again when it begins anew after it had stopped", async () => {
    const host = await liar.host_([mine]);
    await expect.poll(told).toContain(`alert ${liar.host}`);
    await liar.host_([other]);
    await expect.poll(() => sessionsOf(liar)).toEqual([other.id]);
    host.socket.close();
    await liar.host_([mine, other]);
    await expect.poll(async () => (await told()).filter((line) => line.startsWith("alert"))).toHaveLength(2);
  });

  test("has it once the first one was removed: a machine may join anew with its sessions", async () => {
    await liar.host_([mine, other]);
    await expect.poll(() => sessionsOf(liar)).toEqual([other.id]);
    await owner.stub.retire();
    await feed().forget(owner.host);
    await liar.stub.registryChanged(9);
    await expect.poll(() => found()).toEqual([liar.host]);
    expect((await sessionsOf(liar)).sort()).toEqual([mine.id, other.id].sort());
  });

  test("[VR5] as the answer to a request is refused, and nothing is taken from it", async () => {
    const host = await liar.host_([other]);
    host.answers.set("session.create", () => ({ session: mine }));
    const size = { cols: 80, rows: 24 };
    const ask: RequestWithoutId = { t: "session.create", session: other.id, name: "new", argv: [], env: {}, size, backend: "auto" };
    expect(await liar.stub.request(ask)).toMatchObject({ ok: false, error: { code: "frame_invalid" } });
    expect((await liar.stub.status()).sessions.map(({ id }) => id)).toEqual([other.id]);
  });
});
