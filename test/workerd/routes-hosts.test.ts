/** Hosts over HTTP: found, renamed, drained, unlocked and removed, with a host on a real signed link. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { parseId } from "@maestro/shared/ids";
import { app } from "../../control-plane/src/app.ts";
import { openDb } from "../../control-plane/src/db/client.ts";
import { bumpRegistry } from "../../control-plane/src/db/fleets.ts";
import { freshAddress, joinHost, json, ORIGIN, refusal } from "./access-fleet.ts";
import { beforeFetch } from "./support/before-fetch.ts";
import { FakeHost } from "./support/fake-host.ts";
import { helloOf } from "./support/host-words.ts";
import { LINK, linkedFleet, linkUp, upgrade } from "./support/linked-fleet.ts";
import { socketOf } from "./support/relay-fixture.ts";
import { workingFleet } from "./support/working-fleet.ts";

describe("hosts", () => {
  test("a name that is another host's id draws nothing to itself", async () => {
    const { fleet, host, api } = await linkedFleet();
    await joinHost(fleet, host.id);
    expect((await json(api(`/api/v1/hosts/${host.id}`))).name).toBe("builder");
  });

  test("a linked host is online, with what it said of itself; names, ids and prefixes find it", async () => {
    const { host, api } = await linkedFleet();
    const listed = await json(api("/api/v1/hosts"));
    expect(listed.items).toMatchObject([
      {
        id: host.id,
        name: "builder",
        status: "online",
        agentVersion: "0.1.0",
        platform: { os: "linux" },
        roots: ["/tmp"],
        draining: false,
      },
    ]);
    for (const ref of ["builder", host.id, host.id.slice(0, 20)]) expect((await json(api(`/api/v1/hosts/${ref}`))).id).toBe(host.id);
    await refusal(api("/api/v1/hosts/bilder"), "host_not_found");
  });

  test("[LK9] a rename reaches the registry's version on the link; draining refuses new work", async () => {
    const { link, api } = await linkedFleet();
    expect((await json(api("/api/v1/hosts/builder", { method: "PATCH", body: { name: "forge", labels: { gpu: "yes" } } }))).labels).toEqual(
      { gpu: "yes" },
    );
    await link.next("registry");
    expect((await json(api("/api/v1/hosts/forge/drain", { method: "POST" }))).draining).toBe(true);
    expect(await link.next("drain")).toMatchObject({ draining: true });
    await refusal(api("/api/v1/sessions", { body: {} }), "host_draining");
    expect((await json(api("/api/v1/hosts/forge/resume", { method: "POST" }))).draining).toBe(false);
    expect((await api("/api/v1/sessions", { body: {} })).status).toBe(201);
  });

  test("once draining is answered the queue knows it, also of a host whose link is gone", async () => {
    const { api, host, link } = await workingFleet();
    const queued = async (): Promise<object> => (await json(api("/api/v1/queue"))).hosts.find(({ id }: { id: string }) => id === host.id);
    await json(api("/api/v1/hosts/builder/drain", { method: "POST" }));
    expect(await queued()).toMatchObject({ draining: true });
    link.socket.close(4000, "cut");
    await link.closed;
    await expect.poll(queued).toMatchObject({ online: false });
    await json(api("/api/v1/hosts/builder/resume", { method: "POST" }));
    expect(await queued()).toMatchObject({ draining: false });
  });

  test("[LK9] a host that joins and one that is removed reach the links of the others", async () => {
    const { fleet, link, api } = await linkedFleet();
    const before = Number(link.texts.find(({ t }) => t === "welcome")?.["registryVersion"]);
    const joined = await joinHost(fleet, "second");
    await link.next("registry", ({ version }) => version === before + 1);
    const second = await linkUp(joined);
    expect(second.texts.find(({ t }) => t === "welcome")).toMatchObject({ registryVersion: before + 1 });
    expect((await api("/api/v1/hosts/second", { method: "DELETE" })).status).toBe(204);
    await link.next("registry", ({ version }) => version === before + 2);
  });

  test("[LK9] a change while a host dials, told before its link was there, is not missed until the next one", async () => {
    const { fleet } = await linkedFleet();
    const late = await joinHost(fleet, "late");
    const joined = parseId("fleet", fleet.id);
    if (!joined.ok) throw new Error(joined.error.detail);
    const background = createExecutionContext();
    let changed = 0;
    const answer = await app.fetch(
      new Request(`${ORIGIN}${LINK}`, {
        headers: {
          upgrade: "websocket",
          "sec-websocket-protocol": "maestro.v1",
          "cf-connecting-ip": freshAddress(),
          authorization: await late.authorization("GET", LINK),
        },
      }),
      {
        ...env,
        HOST_RELAY: beforeFetch(env.HOST_RELAY, async () => {
          changed = await bumpRegistry(openDb(env.DB), joined.value);
        }),
      },
      background,
    );
    const link = new FakeHost(socketOf(answer), []);
    link.say(helloOf("instance-0001", []));
    await waitOnExecutionContext(background);
    await link.until(
      () => link.texts.some(({ version, registryVersion }) => (registryVersion ?? version) === changed),
      `version ${changed} of the registry`,
    );
  });

  test("[LK2] a locked identity is shown, and an operator unlocks it", async () => {
    const { host, link, api } = await linkedFleet();
    const copy = await upgrade(LINK, {
      authorization: await host.authorization("GET", LINK, { instance: "instance-0002", epoch: { start: 1, connect: 1 } }),
    });
    await refusal(Promise.resolve(copy), "host_locked");
    expect(await link.closed).toMatchObject({ code: 4403 });
    await expect.poll(async () => (await json(api("/api/v1/hosts/builder"))).locked?.reason).toContain("copied");
    expect((await json(api("/api/v1/hosts/builder/unlock", { method: "POST" }))).locked).toBeUndefined();
    await linkUp(host);
  });

  test("a removed host is out at once and for good", async () => {
    const { fleet, host, link, api } = await linkedFleet();
    expect((await api("/api/v1/hosts/builder", { method: "DELETE" })).status).toBe(204);
    expect(await link.closed).toMatchObject({ code: 4401 });
    expect((await json(api("/api/v1/hosts"))).items).toEqual([]);
    await refusal(upgrade(LINK, { authorization: await host.authorization("GET", LINK) }), "host_unknown");
    expect(await env.FEED.getByName(fleet.id).present(host.id)).toEqual([]);
  });
});
