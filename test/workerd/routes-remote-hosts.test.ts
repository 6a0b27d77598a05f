/** Remote hosts over HTTP: added, changed, checked over the host that carries them, and carried with keys of their own. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { isId, makeId } from "@maestro/shared/ids";
import { MAX_REMOTE_HOSTS } from "@maestro/shared/limits";
import { carrySigningText } from "@maestro/shared/protocol/link-auth";
import { app } from "../../control-plane/src/app.ts";
import { openDb } from "../../control-plane/src/db/client.ts";
import { hostById } from "../../control-plane/src/db/hosts.ts";
import { insertRemoteHost } from "../../control-plane/src/db/remote-hosts.ts";
import {
  call,
  freshAddress,
  joinHost,
  json,
  keypair,
  makeToken,
  ORIGIN,
  refusal,
  testHost,
  type Keypair,
  type TestHost,
} from "./access-fleet.ts";
import { beforeFetch } from "./support/before-fetch.ts";
import type { FakeHost } from "./support/fake-host.ts";
import { LINK, linkedFleet, linkUp, upgrade } from "./support/linked-fleet.ts";

interface Running {
  id: string;
  fence: number;
}
type Api = Awaited<ReturnType<typeof linkedFleet>>["api"];

const SHA_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOSTS = "/api/v1/hosts";
const CARRIED = `${HOSTS}/self/carried`;
const SEALING_KEY = `CQ${"A".repeat(41)}`;
const BODY = { name: "gpu", address: "dev@10.0.0.5:2222", labels: { gpu: "yes" } };
const PORT = "A port is a whole number from 1 to 65535.";
const USER = "A user is made of letters, digits, '_', '.' and '-'.";
const CHECK = {
  ok: true,
  steps: [{ name: "tcp", state: "ok", detail: "10.0.0.5:2222 answers", ms: 3 }],
  hostKey: { type: "ssh-ed25519", sha256: "SHA256:abc", state: "known" },
  hostname: "gpu",
  agents: [],
};
const BROKEN = {
  ...CHECK,
  ok: false,
  steps: [
    { name: "tcp", state: "ok", detail: "answers", ms: 1 },
    { name: "authentication", state: "failed", detail: "no key is taken", code: "ssh_auth_failed", hint: "ssh-add", ms: 9 },
    { name: "shell", state: "skipped", detail: "not reached", ms: 0 },
  ],
};

async function carry(carrier: TestHost, id: string, keys: Keypair, by: Keypair = carrier.key): Promise<Response> {
  const path = `${CARRIED}/${id}`;
  return call(path, {
    headers: { authorization: await carrier.authorization("POST", path) },
    body: {
      signingKey: keys.publicKey,
      sealingKey: SEALING_KEY,
      proof: await by.sign(carrySigningText(ORIGIN, carrier.id, id, keys.publicKey, SEALING_KEY)),
    },
  });
}

const carriedBy = async (host: TestHost): Promise<{ id: string; name: string; record: object }[]> =>
  (await json(call(CARRIED, { headers: { authorization: await host.authorization("GET", CARRIED) } }))).items;

/** A task on it that runs until the host says how it ended. */
async function runOn(api: Api, link: FakeHost): Promise<Running> {
  link.answers.set("task.offer", () => ({ answer: "accepted" }));
  link.answers.set("task.start", () => ({
    status: { state: "running", startedMs: Date.now(), pid: 7, workspace: "/tmp/w", logBytes: 0 },
  }));
  link.say({ t: "attempts", items: [], first: true, more: false });
  expect((await api("/api/v1/tasks", { body: { id: "t1", command: ["true"], on: { host: "gpu" } } })).status).toBe(201);
  await expect.poll(async () => (await json(api("/api/v1/tasks/t1"))).status).toBe("running");
  const [attempt] = (await json(api("/api/v1/tasks/t1"))).attempts;
  return attempt;
}

const endOf = ({ id, fence }: Running): object => ({
  attempt: id,
  fence,
  status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: Date.now(), log: { bytes: 0, sha256: SHA_OF_NOTHING } } },
});

async function remoteFleet() {
  const linked = await linkedFleet();
  const answer = await linked.api(HOSTS, { body: BODY });
  expect(answer.status, await answer.clone().text()).toBe(201);
  const remote = await json(answer);
  const patch = (body: object, ref = "gpu") => linked.api(`${HOSTS}/${ref}`, { method: "PATCH", body });
  return { ...linked, remote, patch };
}

describe("records", () => {
  test("a host is added over the only one that is linked, shown with how it is reached, and told to it", async () => {
    const { host, link, remote, api } = await remoteFleet();
    expect(remote).toMatchObject({
      name: "gpu",
      transport: "ssh",
      via: { id: host.id, name: "builder" },
      address: "10.0.0.5",
      user: "dev",
      port: 2222,
      container: "none",
      sshConfig: false,
      enabled: true,
      labels: { gpu: "yes" },
      status: "never",
    });
    expect(remote).not.toHaveProperty("default");
    expect(remote).not.toHaveProperty("lastCheck");
    await link.next("registry");
    expect(await carriedBy(host)).toEqual([
      {
        id: remote.id,
        name: "gpu",
        record: {
          transport: "ssh",
          address: "10.0.0.5",
          user: "dev",
          port: 2222,
          sshConfig: false,
          options: {},
          env: {},
          container: "none",
        },
      },
    ]);
    const { items } = await json(api(HOSTS));
    expect(items).toMatchObject([
      { name: "builder", transport: "link" },
      { name: "gpu", via: { name: "builder" } },
    ]);
    expect(items[0]).not.toHaveProperty("enabled");
    const told = await json(call(HOSTS, { headers: { authorization: await host.authorization("GET", HOSTS) } }));
    expect(told.items[1]).toMatchObject({ name: "gpu", transport: "ssh" });
    expect(told.items[1]).not.toHaveProperty("address");
  });

  test.each<[string, object, Parameters<typeof refusal>[1], object]>([
    ["82: port 0", { address: "h", port: 0 }, "port_invalid", { field: "port", hint: PORT }],
    ["82: port 70000", { address: "h", port: 70_000 }, "port_invalid", { field: "port", hint: PORT }],
    ["82: port '22 '", { address: "h", port: "22 " }, "port_invalid", { detail: "Port '22 ' is none.", field: "port", hint: PORT }],
    ["82: port 0 in the address", { address: "h:0" }, "port_invalid", { field: "address", hint: PORT }],
    [
      "83: an option for a host",
      { address: "-oProxyCommand=touch x" },
      "host_invalid",
      { field: "address", hint: "For example gpu.example.com, user@10.0.0.5 or ssh://user@[2001:db8::5]:2222" },
    ],
    ["84: a command for a user", { address: "h", user: "a;id" }, "user_invalid", { field: "user", hint: USER }],
    ["84: one in the address", { address: "a;id@h" }, "user_invalid", { field: "address", hint: USER }],
    ["88: a taken name", { address: "h", name: "builder" }, "host_exists", { field: "name", hint: "Choose another name." }],
    [
      "89: a pigeon",
      { address: "h", transport: "carrier-pigeon" },
      "transport_invalid",
      { field: "transport", hint: "Transports are ssh and tailscale." },
    ],
    ["several at once", { address: "h", port: 0, user: "a;id" }, "user_invalid", { detail: expect.stringContaining("; ") }],
    ["a field that is none", { address: "h", adress: "h" }, "unknown_field", { field: "adress", hint: "Did you mean address?" }],
    ["nobody to reach it", { address: "h", via: "nobody" }, "host_not_found", { field: "via" }],
  ])("%s is refused, and nothing is added", async (_what, body, code, problem) => {
    const { api } = await linkedFleet();
    expect(await refusal(api(HOSTS, { body: { name: "x", ...body } }), code)).toMatchObject(problem);
    expect((await json(api(HOSTS))).items).toHaveLength(1);
  });

  test("without a linked host, with several of them, or over a remote one, the refusal says whom to name", async () => {
    const { fleet, api } = await remoteFleet();
    await joinHost(fleet, "second");
    const several = await refusal(api(HOSTS, { body: { name: "x", address: "h" } }), "ambiguous");
    expect(several).toMatchObject({ field: "via", detail: "Several hosts could reach it: builder, second." });
    expect(await refusal(api(HOSTS, { body: { name: "x", address: "h", via: "gpu" } }), "field_invalid")).toMatchObject({ field: "via" });
    expect((await json(api(HOSTS, { body: { name: "x", address: "h", via: "second" } }))).via.name).toBe("second");
  });

  test("of changes at once none is lost", async () => {
    const { api } = await linkedFleet();
    await json(api(HOSTS, { body: { name: "gpu", address: "gpu.example.com" } }));
    const patch = (body: object) => json(api(`${HOSTS}/gpu`, { method: "PATCH", body }));
    await Promise.all([patch({ user: "dev" }), patch({ cwd: "~/x" }), patch({ env: { A: "1" } }), patch({ labels: { gpu: "yes" } })]);
    expect(await json(api(`${HOSTS}/gpu`))).toMatchObject({
      labels: { gpu: "yes" },
      address: "gpu.example.com",
      user: "dev",
      cwd: "~/x",
      env: { A: "1" },
    });
  });

  test("a fleet takes so many and no more, however they come; in the place of one that is removed there is room again", async () => {
    const { api, fleet, remote } = await remoteFleet();
    const db = openDb(env.DB);
    const row = isId("host", remote.id) ? await hostById(db, remote.id) : undefined;
    if (row === undefined || row.via === null || row.record === null) throw new Error("it was added");
    const { via, record } = row;
    // In the database alone: each that is added through the API is told to all of them.
    await env.DB.prepare(
      `with recursive n(i) as (select 2 union all select i + 1 from n where i < ?)
       insert into hosts (id, fleet, name, transport, labels, signing_key, sealing_key, created_ms, updated_ms, via, record)
       select id || i, fleet, name || i, transport, labels, '', '', created_ms, updated_ms, via, record from hosts, n where id = ?`,
    )
      .bind(MAX_REMOTE_HOSTS - 1, remote.id)
      .run();
    const insert = (name: string) =>
      insertRemoteHost(db, { ...row, id: makeId("host", 1, crypto.getRandomValues(new Uint8Array(10))), name, via, record });
    const both = await Promise.all([insert("one"), insert("two")]);
    expect(both.filter((made) => made !== "full")).toMatchObject([{ fleet: fleet.id }]);
    const add = () => api(HOSTS, { body: { ...BODY, name: "three" } });
    expect(await refusal(add(), "host_limit")).toMatchObject({
      status: 409,
      detail: "The fleet has 1000 remote hosts already.",
      hint: expect.stringContaining("maestro host remove"),
    });
    await env.DB.prepare("delete from hosts where fleet = ? and name like 'gpu_%'").bind(fleet.id).run();
    expect((await add()).status).toBe(201);
  });

  test("a change keeps what it does not name, null clears, and a new address brings its own user and port", async () => {
    const { patch } = await remoteFleet();
    expect(await json(patch({ cwd: "~/work", identity: "~/.ssh/gpu", env: { A: "1" } }))).toMatchObject({
      user: "dev",
      port: 2222,
      cwd: "~/work",
      identity: "~/.ssh/gpu",
      env: { A: "1" },
    });
    const cleared = await json(patch({ port: null, identity: null, env: null, name: "gpu2" }));
    expect(cleared).toMatchObject({ name: "gpu2", user: "dev", cwd: "~/work", env: {} });
    expect(cleared).not.toHaveProperty("port");
    expect(cleared).not.toHaveProperty("identity");
    expect(await json(patch({ address: "root@[2001:db8::5]:22" }, "gpu2"))).toMatchObject({
      address: "2001:db8::5",
      user: "root",
      port: 22,
    });
    expect(await json(patch({ address: "other" }, "gpu2"))).toMatchObject({ address: "other", user: "root", port: 22 });
    expect(await refusal(patch({ address: "root@h", user: "dev" }, "gpu2"), "user_invalid")).toMatchObject({ field: "user" });
    expect(await refusal(patch({ name: "builder", cwd: "~" }, "gpu2"), "host_exists")).toMatchObject({ field: "name" });
  });

  test("of a host that joined by itself nothing is changed of how it is reached", async () => {
    const { api } = await linkedFleet();
    for (const body of [{ address: "h" }, { via: "builder" }, { enabled: false }, { user: null }])
      expect(await refusal(api(`${HOSTS}/builder`, { method: "PATCH", body }), "field_invalid")).toMatchObject({
        field: Object.keys(body)[0],
      });
  });

  test("[SSH5] one host at most has the mark, and it goes with its host", async () => {
    const { api, patch } = await remoteFleet();
    expect(await json(patch({ default: true }))).toMatchObject({ default: true });
    const second = await json(api(HOSTS, { body: { name: "two", address: "h", default: true } }));
    expect(second).toMatchObject({ default: true });
    const marked = async () => (await json(api(HOSTS))).items.filter((host: { default?: boolean }) => host.default === true);
    expect(await marked()).toMatchObject([{ name: "two" }]);
    expect(await json(patch({ default: false }, "two"))).not.toHaveProperty("default");
    await patch({ default: true });
    await api(`${HOSTS}/gpu`, { method: "DELETE" });
    expect(await marked()).toEqual([]);
  });

  test("a host that carries others is not removed before them, and they are named", async () => {
    const { host, api } = await remoteFleet();
    const problem = await refusal(api(`${HOSTS}/builder`, { method: "DELETE" }), "host_carries");
    expect(problem).toMatchObject({ detail: "Over host 'builder' is reached: gpu.", hosts: ["gpu"] });
    expect((await api(`${HOSTS}/gpu`, { method: "DELETE" })).status).toBe(204);
    expect(await carriedBy(host)).toEqual([]);
    expect((await api(`${HOSTS}/builder`, { method: "DELETE" })).status).toBe(204);
  });

  test("a credential that is limited to hosts adds those it covers only, over one it covers", async () => {
    const { fleet } = await linkedFleet();
    const { token } = await makeToken(fleet, { name: "limited", hosts: "gpu-*" });
    const add = (body: object) => call(HOSTS, { token, body: { address: "h", ...body } });
    expect(await refusal(add({ name: "other" }), "scope_missing")).toMatchObject({ field: "name" });
    expect(await refusal(add({ name: "gpu-1" }), "host_not_found")).toMatchObject({ field: "via" });
    expect(await refusal(add({ name: "gpu-1", via: "builder" }), "scope_missing")).toMatchObject({ field: "via" });
  });
});

test("a credential that does not cover the carrier changes nothing of how a host is reached over it, nor learns its other hosts", async () => {
  const { fleet, patch, api } = await remoteFleet();
  await api(HOSTS, { body: { name: "secret", address: "h" } });
  const gpus = (await makeToken(fleet, { name: "gpus", hosts: "gpu*" })).token;
  const edit = (body: object) => call(`${HOSTS}/gpu`, { token: gpus, method: "PATCH", body });
  for (const body of [{ address: "10.0.0.9" }, { identity: "~/.ssh/other" }, { sshConfig: true }, { via: "builder" }])
    expect(await refusal(edit(body), "scope_missing"), JSON.stringify(body)).toMatchObject({ field: "via" });
  expect(await json(edit({ labels: { a: "1" } }))).toMatchObject({ address: "10.0.0.5", labels: { a: "1" } });
  expect(await json(edit({ enabled: false }))).toMatchObject({ enabled: false });
  expect(await refusal(edit({ enabled: true }), "scope_missing")).toMatchObject({ field: "via" });
  await patch({ enabled: true });
  const some = (await makeToken(fleet, { name: "some", hosts: "*u*" })).token;
  expect(await refusal(call(`${HOSTS}/builder`, { token: some, method: "DELETE" }), "host_carries")).toMatchObject({
    detail: "Over host 'builder' are reached: gpu and 1 more.",
    hosts: ["gpu"],
  });
});

test("what is done to a remote host, and by whom its keys came, is in the audit log and among the events", async () => {
  const { fleet, host, link, remote, patch, api } = await remoteFleet();
  link.answers.set("host.check", () => CHECK);
  await patch({ cwd: "/srv" });
  await api(`${HOSTS}/gpu/check`, { body: {} });
  await carry(host, remote.id, await keypair());
  await refusal(api(HOSTS, { body: BODY }), "host_exists");
  await api(`${HOSTS}/gpu`, { method: "DELETE" });
  const records = (await json(api("/api/v1/audit?limit=200"))).items.filter(({ action }: { action: string }) => action.startsWith("host"));
  expect(records.map(({ action, target, outcome }: Record<string, string>) => [action, target, outcome])).toEqual(
    expect.arrayContaining([
      ["hostAdd", "gpu", "ok"],
      ["hostUpdate", "gpu", "ok"],
      ["hostCheck", "gpu", "ok"],
      ["hostCarry", "gpu", "ok"],
      ["hostRemove", "gpu", "ok"],
    ]),
  );
  expect(records.find(({ action }: { action: string }) => action === "hostCarry")).toMatchObject({
    actor: "host:builder",
    credential: host.id,
  });
  expect(await env.FEED.getByName(fleet.id).present(remote.id)).toEqual([]);
  const told = await (await api("/api/v1/events?follow=false&limit=100")).text();
  for (const type of ["host.added", "host.updated", "host.removed"]) expect(told).toContain(`event: ${type}\n`);
});

describe("checks", () => {
  test("a saved host is checked over its carrier, and what came of it is shown with it", async () => {
    const { link, remote, api } = await remoteFleet();
    link.answers.set("host.check", () => BROKEN);
    expect(await json(api(`${HOSTS}/gpu/check`, { body: {} }))).toEqual(BROKEN);
    expect(link.asked.find(({ t }) => t === "host.check")).toMatchObject({ record: { address: "10.0.0.5", user: "dev" } });
    expect(await json(api(`${HOSTS}/gpu`))).toMatchObject({ lastCheck: { ok: false, at: expect.any(String), error: "no key is taken" } });
    link.answers.set("host.check", () => CHECK);
    await api(`${HOSTS}/${remote.id}/check`, { body: { acceptHostKey: "new" } });
    expect(link.asked.at(-1)).toMatchObject({ acceptHostKey: "new" });
    const { lastCheck } = await json(api(`${HOSTS}/gpu`));
    expect(lastCheck).toEqual({ ok: true, at: expect.any(String) });
  });

  test("a record is checked before it is saved, and its mistakes are told without asking anybody", async () => {
    const { link, api } = await linkedFleet();
    link.answers.set("host.check", () => CHECK);
    expect(await json(api(`${HOSTS}/check`, { body: { address: "box.tail1234.ts.net" } }))).toEqual(CHECK);
    expect(link.asked.at(-1)).toMatchObject({ record: { transport: "tailscale" } });
    const before = link.asked.length;
    expect(await refusal(api(`${HOSTS}/check`, { body: { address: "h", port: 0 } }), "port_invalid")).toMatchObject({ field: "port" });
    expect(link.asked).toHaveLength(before);
    expect((await json(api(HOSTS))).items).toHaveLength(1);
  });

  test("a carrier that is away, that is of a version before, or that answers nonsense, is told apart", async () => {
    const { link, api } = await remoteFleet();
    link.answers.set("host.check", () => ({ code: "type_unknown", detail: "Nothing here answers 'host.check'." }));
    expect(await refusal(api(`${HOSTS}/gpu/check`, { body: {} }), "upgrade_required")).toMatchObject({
      detail: expect.stringContaining("'builder'"),
      hint: expect.stringContaining("Upgrade"),
    });
    link.answers.set("host.check", () => ({ ok: "yes" }));
    await refusal(api(`${HOSTS}/gpu/check`, { body: {} }), "frame_invalid");
    link.close();
    await link.closed;
    await expect.poll(async () => (await json(api(`${HOSTS}/gpu/check`, { body: {} }))).code).toBe("host_unreachable");
    expect(await json(api(`${HOSTS}/gpu`))).not.toHaveProperty("lastCheck");
  });

  test("an operator checks, and only who may change hosts accepts a key", async () => {
    const { fleet, link } = await remoteFleet();
    link.answers.set("host.check", () => CHECK);
    const { token } = await makeToken(fleet, { name: "op", role: "operator" });
    expect((await call(`${HOSTS}/gpu/check`, { token, body: {} })).status).toBe(200);
    await refusal(call(`${HOSTS}/gpu/check`, { token, body: { acceptHostKey: "new" } }), "scope_missing");
    await refusal(call(`${HOSTS}/check`, { token, body: { address: "h", acceptHostKey: "new" } }), "scope_missing");
    await refusal(call(`${HOSTS}/check`, { token, body: { address: "h", acceptHostKey: "yes" } }), "field_invalid");
  });

  test("a host that joined by itself has nothing to check", async () => {
    const { api } = await linkedFleet();
    expect(await refusal(api(`${HOSTS}/builder/check`, { body: {} }), "field_invalid")).toMatchObject({ field: "host" });
  });
});

describe("[LK10] carried links", () => {
  test("with the keys its carrier hands in, a remote host has a link and is online as any other", async () => {
    const { host, remote, api } = await remoteFleet();
    expect(await refusal(api("/api/v1/sessions", { body: { host: "gpu" } }), "host_unreachable")).toMatchObject({
      detail: "Host 'gpu' is not connected. It has never connected.",
      hint: expect.stringContaining("maestro host check gpu"),
    });
    const keys = await keypair();
    await refusal(upgrade(LINK, { authorization: await testHost(remote.id, "gpu", keys).authorization("GET", LINK) }), "signature_invalid");
    expect((await carry(host, remote.id, keys)).status).toBe(204);
    const carried = testHost(remote.id, "gpu", keys);
    const link = await linkUp(carried);
    expect((await json(api(`${HOSTS}/gpu`))).status).toBe("online");
    expect((await api("/api/v1/sessions", { body: { host: "gpu" } })).status).toBe(201);
    expect((await carry(host, remote.id, keys)).status).toBe(204);
    expect((await json(api(`${HOSTS}/gpu`))).status).toBe("online");
    expect((await carry(host, remote.id, await keypair())).status).toBe(204);
    expect(await link.closed).toMatchObject({ code: 4401 });
    await refusal(upgrade(LINK, { authorization: await carried.authorization("GET", LINK) }), "signature_invalid");
  });

  test("only its own carrier gives it keys, and vouches for them", async () => {
    const { fleet, host, remote } = await remoteFleet();
    const keys = await keypair();
    const second = await joinHost(fleet, "second");
    expect(await carriedBy(second)).toEqual([]);
    await refusal(carry(second, remote.id, keys), "host_forbidden");
    expect(await refusal(carry(host, remote.id, keys, keys), "proof_invalid")).toMatchObject({ field: "proof" });
    await refusal(carry(host, second.id, keys), "host_forbidden");
    await refusal(carry(host, "hst_01j9zzzzzzzzzzzzzzzzzzzzzz", keys), "host_not_found");
    expect(await refusal(carry(host, remote.id, { ...keys, publicKey: "AAAA" }), "field_invalid")).toMatchObject({ field: "signingKey" });
  });

  test.each<[string, object]>([
    ["another carrier", { via: "second" }],
    ["being switched off", { enabled: false }],
  ])("%s ends its link and its keys", async (_what, change) => {
    const { fleet, host, remote, patch } = await remoteFleet();
    const second = await joinHost(fleet, "second");
    const keys = await keypair();
    await carry(host, remote.id, keys);
    const carried = testHost(remote.id, "gpu", keys);
    const link = await linkUp(carried);
    expect((await patch(change)).status).toBe(200);
    expect(await link.closed).toMatchObject({ code: 4401 });
    await refusal(upgrade(LINK, { authorization: await carried.authorization("GET", LINK) }), "signature_invalid");
    expect(await carriedBy(host)).toEqual([]);
    await refusal(carry(host, remote.id, keys), "host_forbidden");

    await patch({ via: "second", enabled: true });
    expect(await carriedBy(second)).toMatchObject([{ id: remote.id }]);
    const others = await keypair();
    expect((await carry(second, remote.id, others)).status).toBe(204);
    // Another process, whose count of starts is lower: the identity was not copied, it has moved.
    const moved = testHost(remote.id, "gpu", others);
    const authorization = await moved.authorization("GET", LINK, { instance: "instance-0002", epoch: { start: 0, connect: 1 } });
    expect((await upgrade(LINK, { authorization })).status).toBe(101);
  });

  test("a carrier that lets go of a host makes it stale at once, and what is switched off is lost", async () => {
    const { host, remote, patch, api } = await remoteFleet();
    const keys = await keypair();
    await carry(host, remote.id, keys);
    const carried = testHost(remote.id, "gpu", keys);
    const status = async (): Promise<string> => (await json(api(`${HOSTS}/gpu`))).status;
    const listed = async (): Promise<string> => (await json(api(HOSTS))).items.find(({ name }: { name: string }) => name === "gpu").status;
    const first = await linkUp(carried);
    first.close(1001);
    await expect.poll(status).toBe("stale");
    expect(await listed()).toBe("stale");
    await linkUp(carried);
    expect([await status(), await listed()]).toEqual(["online", "online"]);
    expect(await json(patch({ enabled: false }))).toMatchObject({ status: "lost", enabled: false });
    expect([await status(), await listed()]).toEqual(["lost", "lost"]);
    const told = await (await api("/api/v1/events?follow=false&limit=100")).text();
    expect(told.match(/^event: host\.stale$/gm)).toHaveLength(2);
  });

  test("a host that joined by itself is online for a while after its goodbye", async () => {
    const { link, api } = await linkedFleet();
    link.close(1001);
    await link.closed;
    await expect.poll(async () => (await json(api("/api/v1/sessions", { body: { host: "builder" } }))).code).toBe("host_unreachable");
    expect((await json(api(`${HOSTS}/builder`))).status).toBe("online");
  });

  test("a link that was on its way while the host went to another carrier comes too late", async () => {
    const { fleet, host, remote, patch } = await remoteFleet();
    await joinHost(fleet, "second");
    const keys = await keypair();
    await carry(host, remote.id, keys);
    const authorization = await testHost(remote.id, "gpu", keys).authorization("GET", LINK);
    const answer = await app.fetch(
      new Request(`${ORIGIN}${LINK}`, {
        headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", "cf-connecting-ip": freshAddress(), authorization },
      }),
      { ...env, HOST_RELAY: beforeFetch(env.HOST_RELAY, async () => void (await patch({ via: "second" }))) },
      createExecutionContext(),
    );
    await refusal(answer, "host_unknown");
  });

  test("a change of what is not about its way keeps the link", async () => {
    const { host, remote, patch, api } = await remoteFleet();
    const keys = await keypair();
    await carry(host, remote.id, keys);
    await linkUp(testHost(remote.id, "gpu", keys));
    expect((await patch({ cwd: "~/x", labels: {}, enabled: true, via: "builder" })).status).toBe(200);
    expect((await json(api(`${HOSTS}/gpu`))).status).toBe("online");
  });

  test("its keys are its carrier's to change, not its own", async () => {
    const { host, remote } = await remoteFleet();
    const keys = await keypair();
    await carry(host, remote.id, keys);
    const path = `${HOSTS}/self/key`;
    const authorization = await testHost(remote.id, "gpu", keys).authorization("POST", path);
    await refusal(
      call(path, { headers: { authorization }, body: { signingKey: (await keypair()).publicKey, proof: "x" } }),
      "host_forbidden",
    );
  });
});

describe("a remote host on which a task runs", () => {
  async function busyFleet() {
    const base = await remoteFleet();
    await joinHost(base.fleet, "second");
    const keys = await keypair();
    await carry(base.host, base.remote.id, keys);
    const link = await linkUp(testHost(base.remote.id, "gpu", keys));
    const attempt = await runOn(base.api, link);
    return { ...base, link, attempt };
  }

  test.each<[string, object]>([
    ["another carrier", { via: "second" }],
    ["being switched off", { enabled: false }],
    ["another address", { address: "10.0.0.6" }],
    ["another port", { port: 22 }],
    ["another user", { user: "root" }],
    ["another transport", { transport: "tailscale" }],
    ["a container", { container: "box" }],
    ["another way", { options: { ProxyJump: "bastion" } }],
    ["the carrier's ssh_config", { sshConfig: true }],
  ])("%s is refused with what runs, and changes nothing", async (_what, change) => {
    const { api, patch, link, attempt } = await busyFleet();
    const before = await json(api(`${HOSTS}/gpu`));
    expect(await refusal(patch({ cwd: "/srv", ...change }), "host_busy")).toMatchObject({
      status: 409,
      detail: "On host 'gpu' a task runs: t1.",
      hint: expect.stringContaining("maestro task cancel t1"),
      tasks: ["t1"],
      attempts: [attempt.id],
    });
    const { lastSeenAt: _seen, ...after } = await json(api(`${HOSTS}/gpu`));
    expect(before).toMatchObject(after);
    expect(link.socket.readyState).toBe(WebSocket.READY_STATE_OPEN);
  });

  test("it is not removed, what does not move it is changed, and all of it may be done once the task has ended", async () => {
    const { api, patch, link, attempt } = await busyFleet();
    expect(await refusal(api(`${HOSTS}/gpu`, { method: "DELETE" }), "host_busy")).toMatchObject({ tasks: ["t1"] });
    const harmless = { cwd: "~/x", env: { A: "1" }, container: "auto", via: "builder", enabled: true, options: { ConnectTimeout: "30" } };
    expect((await patch(harmless)).status).toBe(200);
    link.say({ t: "task.status", report: endOf(attempt) });
    await expect.poll(async () => (await json(api("/api/v1/tasks/t1"))).status).toBe("completed");
    expect((await patch({ via: "second", address: "10.0.0.6" })).status).toBe(200);
    expect((await api(`${HOSTS}/gpu`, { method: "DELETE" })).status).toBe(204);
  });

  test("one that cannot be reached may be given another address, and no other carrier", async () => {
    const { api, patch, link } = await busyFleet();
    link.close(1001);
    await link.closed;
    await expect.poll(async () => (await json(api(`${HOSTS}/gpu`))).status).toBe("stale");
    expect((await patch({ address: "10.0.0.6" })).status).toBe(200);
    await refusal(patch({ via: "second" }), "host_busy");
    await refusal(patch({ enabled: false }), "host_busy");
    await refusal(api(`${HOSTS}/gpu`, { method: "DELETE" }), "host_busy");
  });
});
