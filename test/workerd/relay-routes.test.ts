/** Hosts, agents, agent types and sessions through the whole Worker, with a host on a real signed link. */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { parseId } from "@maestro/shared/ids";
import { FLAG } from "@maestro/shared/protocol/frame";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { app } from "../../control-plane/src/app.ts";
import { openDb } from "../../control-plane/src/db/client.ts";
import { bumpRegistry } from "../../control-plane/src/db/fleets.ts";
import type { HostRelay } from "../../control-plane/src/objects/host-relay.ts";
import {
  bootstrap,
  call,
  freshAddress,
  joinHost,
  json,
  makeToken,
  ORIGIN,
  refusal,
  type Call,
  type Fleet,
  type TestHost,
} from "./access-fleet.ts";
import type { Text } from "./support/relay-frames.ts";
import { FakeHost, FakeViewer, helloOf, sessionInfo, socketOf } from "./support/relay-fixture.ts";

const LINK = "/api/v1/hosts/self/link";

function upgrade(path: string, headers: Record<string, string>): Promise<Response> {
  return exports.default.fetch(
    new Request(`${ORIGIN}${path}`, {
      headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", "cf-connecting-ip": freshAddress(), ...headers },
    }),
  );
}

/** Relays that are reached only after something else has happened. */
function beforeFetch(relays: typeof env.HOST_RELAY, happens: () => Promise<void>): typeof env.HOST_RELAY {
  const late = (relay: DurableObjectStub<HostRelay>): typeof relay =>
    new Proxy(relay, {
      get: (stub, property) =>
        property === "fetch"
          ? async (request: Request) => {
              await happens();
              return stub.fetch(request);
            }
          : Reflect.get(stub, property),
    });
  return new Proxy(relays, {
    get: (namespace, property) =>
      property === "getByName" ? (name: string) => late(namespace.getByName(name)) : Reflect.get(namespace, property),
  });
}

async function linkUp(host: TestHost, sessions: SessionInfo[] = []): Promise<FakeHost> {
  const answer = await upgrade(LINK, { authorization: await host.authorization("GET", LINK) });
  expect(answer.status, answer.webSocket === null ? await answer.text() : "").toBe(101);
  expect(answer.headers.get("sec-websocket-protocol")).toBe("maestro.v1");
  const link = new FakeHost(socketOf(answer), sessions);
  link.answers.set("session.create", (frame) => {
    const session = sessionInfo({ id: String(frame["session"]), name: String(frame["name"]) });
    link.sessions.push(session);
    return { session };
  });
  link.answers.set("agent.start", (frame) => {
    const agent = frame["agent"] as { id: string; name: string };
    const session = sessionInfo({ id: String(frame["session"]), name: agent.name, agent: agent.id });
    link.sessions.push(session);
    return { session };
  });
  link.answers.set("session.kill", () => ({ killed: true }));
  link.answers.set("session.input", (frame) => ({ accepted: atob(String(frame["base64"])).length }));
  link.answers.set("workspace.ensure", (frame) =>
    frame["path"] === "/etc"
      ? { code: "path_outside_roots", detail: "'/etc' is outside the allowed roots.", field: "path" }
      : { path: frame["path"], created: true },
  );
  link.say(helloOf("instance-0001", sessions));
  await link.next("welcome");
  return link;
}

const report = (slug: string, more: Record<string, unknown> = {}): object => ({
  slug,
  adapter: "shell",
  source: "builtin",
  capabilities: [],
  detected: { state: "found", binary: "/bin/sh", version: "1" },
  ...more,
});

async function setup(): Promise<{
  fleet: Fleet;
  host: TestHost;
  link: FakeHost;
  token: string;
  api: (path: string, options?: Call) => Promise<Response>;
}> {
  const fleet = await bootstrap();
  const host = await joinHost(fleet, "builder");
  const link = await linkUp(host);
  link.say({
    t: "inventory",
    types: [
      report("shell"),
      report("claude", { detected: { state: "missing", lookedFor: "claude", install: "npm i -g @anthropic-ai/claude-code" } }),
    ],
    first: true,
    more: false,
  });
  const { token } = fleet.owner;
  await expect.poll(async () => (await json(call("/api/v1/agent-types", { token }))).items.length).toBe(2);
  return { fleet, host, link, token, api: (path, options = {}) => call(path, { token, ...options }) };
}

describe("hosts", () => {
  test("a name that is another host's id draws nothing to itself", async () => {
    const { fleet, host, api } = await setup();
    await joinHost(fleet, host.id);
    expect((await json(api(`/api/v1/hosts/${host.id}`))).name).toBe("builder");
  });

  test("a linked host is online, with what it said of itself; names, ids and prefixes find it", async () => {
    const { host, api } = await setup();
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
    const { link, api } = await setup();
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

  test("[LK9] a host that joins and one that is removed reach the links of the others", async () => {
    const { fleet, link, api } = await setup();
    const before = Number(link.texts.find(({ t }) => t === "welcome")?.["registryVersion"]);
    const joined = await joinHost(fleet, "second");
    await link.next("registry", ({ version }) => version === before + 1);
    const second = await linkUp(joined);
    expect(second.texts.find(({ t }) => t === "welcome")).toMatchObject({ registryVersion: before + 1 });
    expect((await api("/api/v1/hosts/second", { method: "DELETE" })).status).toBe(204);
    await link.next("registry", ({ version }) => version === before + 2);
  });

  test("[LK9] a change while a host dials, told before its link was there, is not missed until the next one", async () => {
    const { fleet } = await setup();
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
    const { host, link, api } = await setup();
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
    const { fleet, host, link, api } = await setup();
    expect((await api("/api/v1/hosts/builder", { method: "DELETE" })).status).toBe(204);
    expect(await link.closed).toMatchObject({ code: 4401 });
    expect((await json(api("/api/v1/hosts"))).items).toEqual([]);
    await refusal(upgrade(LINK, { authorization: await host.authorization("GET", LINK) }), "host_unknown");
    expect(await env.FEED.getByName(fleet.id).present(host.id)).toEqual([]);
  });
});

describe("sessions", () => {
  test("one is opened, found by name, typed into, read and ended", async () => {
    const { link, api } = await setup();
    const made = await json(api("/api/v1/sessions", { body: { argv: ["/usr/bin/htop"], cwd: "/tmp" } }));
    expect(made).toMatchObject({ name: "htop", status: "running", host: { name: "builder", status: "online" } });
    expect(await json(api("/api/v1/sessions/htop"))).toMatchObject({ id: made.id });
    expect((await json(api("/api/v1/sessions?host=builder"))).items).toHaveLength(1);
    expect(await json(api("/api/v1/sessions/htop/input", { body: { text: "é\r" } }))).toEqual({ accepted: 3 });
    const reading = api("/api/v1/sessions/htop/screen");
    const { id, blob } = await link.next("session.screen");
    link.data("blob", new TextEncoder().encode("top"), { channel: Number(blob), flags: FLAG.last });
    link.say({ t: "reply", id, value: { bytes: 3, epoch: 1, offset: 0, cols: 80, rows: 24 } });
    expect(await (await reading).text()).toBe("top");
    expect((await api("/api/v1/sessions/htop", { method: "DELETE" })).status).toBe(204);
    expect(await json(api("/api/v1/sessions/htop"))).toMatchObject({ status: "ended", end: { reason: "killed" } });
    await refusal(api("/api/v1/sessions/htop/input", { body: { text: "x" } }), "session_ended");
  });

  test.each([
    ["row 26: a relative directory", { cwd: "work" }, "path_outside_roots"],
    ["row 27: LD_PRELOAD", { env: { LD_PRELOAD: "x" } }, "env_denied"],
    ["row 27: NODE_OPTIONS", { env: { NODE_OPTIONS: "x" } }, "env_denied"],
    ["row 27: A=B", { env: { "A=B": "x" } }, "env_name_invalid"],
    ["row 24: NUL in an argument", { argv: ["a\0b"] }, "nul_byte"],
    ["a name tmux would take for something else", { name: "-x" }, "field_invalid"],
  ] as const)("%s is refused before the host hears of it", async (_row, body, code) => {
    const { link, api } = await setup();
    await refusal(api("/api/v1/sessions", { body }), code);
    expect(link.asked.some(({ t }) => t === "session.create")).toBe(false);
  });

  test("a name two sessions share is ambiguous and lists them; an unknown one suggests", async () => {
    const fleet = await bootstrap();
    const twins = [sessionInfo({ name: "twin" }), sessionInfo({ name: "twin" })];
    await linkUp(await joinHost(fleet, "builder"), twins);
    const { token } = fleet.owner;
    await expect.poll(async () => (await json(call("/api/v1/sessions", { token }))).items.length).toBe(2);
    const problem = await refusal(call("/api/v1/sessions/twin", { token }), "ambiguous");
    for (const { id } of twins) expect(problem.detail).toContain(id);
    expect((await refusal(call("/api/v1/sessions/twinn", { token }), "session_not_found")).hint).toContain("twin");
  });

  test("[VR5] with the host away what needs it says so, and lists go on", async () => {
    const { link, api } = await setup();
    await json(api("/api/v1/sessions", { body: { name: "work" } }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/sessions/work"))).status).toBe("unreachable");
    const problem = await refusal(api("/api/v1/sessions/work/input", { body: { text: "x" } }), "host_unreachable");
    expect(problem.detail).toContain("Last seen");
    await refusal(api("/api/v1/sessions", { body: {} }), "host_unreachable");
  });
});

describe("a host whose link went with the process that held it", () => {
  test.each(["sessions", "sessions/work", "agents", "agents/shell", "hosts", "hosts/builder"])(
    "[LK4] is not taken for connected by whoever reads %s first",
    async (path) => {
      const { fleet, host, api } = await setup();
      await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
      await json(api("/api/v1/agents/shell/start", { body: {} }));
      await json(api("/api/v1/sessions", { body: { name: "work" } }));
      const relay = env.HOST_RELAY.getByName(`${fleet.id}/${host.id}`);
      await expect(runInDurableObject(relay, (_object, state) => state.abort("killed"))).rejects.toThrow("killed");
      const read = await json(api(`/api/v1/${path}`));
      const shown: string[] = (read.items ?? [read]).map(({ status }: { status: string }) => status);
      expect(new Set(shown)).toEqual(new Set([{ s: "unreachable", a: "unknown", h: "stale" }[path.charAt(0)]]));
      if (path.startsWith("sessions")) expect((read.items ?? [read])[0].host.status).toBe("stale");
      expect((await json(api("/api/v1/sessions"))).items[0].host.status).toBe("stale");
    },
  );
});

describe("attach", () => {
  test("[VW1] a bearer attaches; a ticket opens what it was made for, once; the echo is maestro.v1 alone", async () => {
    const { token, api } = await setup();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const path = `/api/v1/sessions/${id}/attach`;
    const bearer = await upgrade(path, { authorization: `Bearer ${token}` });
    expect(bearer.status).toBe(101);
    const viewer = new FakeViewer(socketOf(bearer));
    expect(await viewer.hello()).toMatchObject({ canWrite: true, session: { name: "work" } });
    await viewer.reaches(0);
    const { ticket } = await json(api("/api/v1/tickets", { body: { session: id } }));
    const offer = { "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN };
    const second = await upgrade(path, offer);
    expect(second.status).toBe(101);
    expect(second.headers.get("sec-websocket-protocol")).toBe("maestro.v1");
    socketOf(second).accept();
    await refusal(upgrade(path, offer), "ticket_used");
    const other = await json(api("/api/v1/sessions", { body: { name: "other" } }));
    const { ticket: wrong } = await json(api("/api/v1/tickets", { body: { session: other.id } }));
    await refusal(upgrade(path, { ...offer, "sec-websocket-protocol": `maestro.v1, ticket.${wrong}` }), "ticket_invalid");
  });

  test("[VW1] rows 34 and 36: a wrong subprotocol, a foreign Origin, no upgrade, no credential", async () => {
    const { token, api } = await setup();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const path = `/api/v1/sessions/${id}/attach`;
    const authorization = `Bearer ${token}`;
    await refusal(upgrade(path, { authorization, "sec-websocket-protocol": "other" }), "subprotocol_invalid");
    await refusal(upgrade(path, { authorization, origin: "https://evil.example" }), "origin_denied");
    await refusal(api(path), "websocket_required");
    await refusal(upgrade(path, {}), "auth_required");
  });

  test("[VW5] [F36] revoking a token closes its open terminal with 4401; a client's own context header is worthless", async () => {
    const { fleet, api } = await setup();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const watcher = await makeToken(fleet, { name: "watcher", role: "viewer" });
    const forged = JSON.stringify({ kind: "viewer", canWrite: true });
    const viewer = new FakeViewer(
      socketOf(await upgrade(`/api/v1/sessions/${id}/attach`, { authorization: `Bearer ${watcher.token}`, "x-maestro-context": forged })),
    );
    expect(await viewer.hello()).toMatchObject({ canWrite: false });
    await viewer.reaches(0);
    expect((await api(`/api/v1/tokens/${watcher.id}`, { method: "DELETE" })).status).toBe(204);
    expect(await viewer.closed).toEqual({ code: 4401, reason: "token_revoked" });
  });

  test("a token's host selector hides what it does not cover", async () => {
    const { fleet, api } = await setup();
    await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const narrow = await makeToken(fleet, { name: "narrow", role: "operator", hosts: "other-*" });
    expect((await json(call("/api/v1/hosts", { token: narrow.token }))).items).toEqual([]);
    expect((await json(call("/api/v1/sessions", { token: narrow.token }))).items).toEqual([]);
    await refusal(call("/api/v1/sessions/work", { token: narrow.token }), "session_not_found");
    await refusal(call("/api/v1/hosts/builder/drain", { token: narrow.token, method: "POST" }), "scope_missing");
  });
});

describe("a token limited to agents", () => {
  test("reaches the sessions of those agents and no other terminal of their host", async () => {
    const { fleet, link, api } = await setup();
    const shell = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const started = async (name: string) => {
      await json(api("/api/v1/agents", { body: { name, type: "shell", workspace: "/tmp/w" } }));
      return json(api(`/api/v1/agents/${name}/start`, { body: {} }));
    };
    const [mine, other] = [await started("web-1"), await started("db-1")];
    const { token } = await makeToken(fleet, { name: "narrow", role: "operator", agents: "web-*" });
    const listed = await json(call("/api/v1/sessions", { token }));
    expect(listed.items.map(({ id }: { id: string }) => id)).toEqual([mine.id]);
    for (const { id } of [shell, other]) {
      const path = `/api/v1/sessions/${id}`;
      await refusal(call(path, { token }), "session_not_found");
      await refusal(call(`${path}/input`, { token, body: { text: "x" } }), "session_not_found");
      await refusal(call(path, { token, method: "DELETE" }), "session_not_found");
      await refusal(upgrade(`${path}/attach`, { authorization: `Bearer ${token}` }), "session_not_found");
    }
    expect((await refusal(call("/api/v1/sessions", { token, body: {} }), "scope_missing")).field).toBe("agents");
    expect(link.asked.filter(({ t }) => t === "session.create")).toHaveLength(1);
    expect((await refusal(call("/api/v1/agents/web-1", { token, method: "PATCH", body: { name: "db-2" } }), "scope_missing")).field).toBe(
      "name",
    );
    const viewer = new FakeViewer(socketOf(await upgrade(`/api/v1/sessions/${mine.id}/attach`, { authorization: `Bearer ${token}` })));
    expect(await viewer.hello()).toMatchObject({ canWrite: true });
  });

  test("is not led to a session by a host that calls it theirs", async () => {
    const { fleet, api } = await setup();
    await json(api("/api/v1/agents", { body: { name: "web-1", type: "shell", workspace: "/tmp/w" } }));
    const { id: agent } = await json(api("/api/v1/agents/web-1"));
    const lure = sessionInfo({ name: "lure", agent });
    const link = await linkUp(await joinHost(fleet, "liar"), [lure]);
    await link.pingPong();
    await expect.poll(async () => (await json(api("/api/v1/sessions/lure"))).id).toBe(lure.id);
    expect((await json(api("/api/v1/sessions/lure"))).agent).toBeUndefined();
    const { token } = await makeToken(fleet, { name: "narrow", role: "operator", agents: "web-*" });
    await refusal(call("/api/v1/sessions/lure", { token }), "session_not_found");
  });
});

describe("agents", () => {
  test("one is assigned, started once, seen working, stopped and removed", async () => {
    const { link, api } = await setup();
    const made = await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    expect(made).toMatchObject({
      name: "shell",
      type: "shell",
      workspace: "/tmp/w",
      status: "idle",
      priority: 3,
      host: { name: "builder" },
    });
    const twice = await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w2" } }), "agent_exists");
    expect(twice.hint).toContain("--name shell-2");
    const session = await json(api("/api/v1/agents/shell/start", { body: { cols: 100, rows: 30 } }));
    expect(session).toMatchObject({ status: "running", agent: { name: "shell" } });
    expect(link.asked.find(({ t }) => t === "agent.start")).toMatchObject({
      size: { cols: 100, rows: 30 },
      agent: { type: "shell", workspace: "/tmp/w" },
    });
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ status: "working", session: session.id });
    expect((await json(api("/api/v1/agents?status=active"))).items).toHaveLength(1);
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running");
    await refusal(api("/api/v1/agents/shell", { method: "DELETE" }), "agent_running");
    const again = await json(api("/api/v1/agents/shell/restart", { body: {} }));
    expect(again.id).not.toBe(session.id);
    expect(await json(api("/api/v1/agents/shell/stop", { body: {} }))).toMatchObject({ status: "idle", lastExit: { reason: "killed" } });
    await refusal(api("/api/v1/agents/shell/stop", { body: {} }), "agent_not_running");
    expect((await json(api("/api/v1/agents/shell", { method: "PATCH", body: { name: "team-a-shell", tags: ["x"] } }))).tags).toEqual(["x"]);
    expect((await json(api("/api/v1/agents?group=team/a"))).items).toHaveLength(1);
    expect((await api("/api/v1/agents/team-a-shell", { method: "DELETE" })).status).toBe(204);
  });

  test("an agent whose program failed is failed; with the host away it is unknown", async () => {
    const { link, api } = await setup();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    const { id } = await json(api("/api/v1/agents/shell/start", { body: {} }));
    const running = link.sessions.find((session) => session.id === id);
    link.say({ t: "sessions", upsert: [{ ...running, end: { reason: "exited", code: 2, atMs: Date.now() } }], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("failed");
    await json(api("/api/v1/agents/shell/start", { body: {} }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("unknown");
  });

  test("a missing CLI says how to install it, an unknown type what is near, a path outside the roots passes through", async () => {
    const { api } = await setup();
    await json(api("/api/v1/agents", { body: { type: "claude", workspace: "/tmp/w" } }));
    expect((await refusal(api("/api/v1/agents/claude/start", { body: {} }), "agent_cli_missing")).hint).toContain(
      "npm i -g @anthropic-ai/claude-code",
    );
    expect((await refusal(api("/api/v1/agents", { body: { type: "shel", workspace: "/tmp/w" } }), "agent_type_not_found")).hint).toContain(
      "shell",
    );
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/etc" } }), "path_outside_roots");
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "here" } }), "path_outside_roots");
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w", env: { LD_PRELOAD: "x" } } }), "env_denied");
  });

  test("a start that the host refuses leaves the agent as it was", async () => {
    const { link, api } = await setup();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    link.answers.set("agent.start", (): Text => ({ t: "", code: "spawn_failed", detail: "No such file." }));
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "spawn_failed");
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ status: "idle" });
  });

  test("types made here stand beside those of hosts and travel whole with a start", async () => {
    const { link, api } = await setup();
    const made = await json(api("/api/v1/agent-types", { body: { slug: "linter", argv: ["lint", "{{prompt}}"] } }));
    expect(made).toMatchObject({ slug: "linter", adapter: "custom", source: "api", hosts: [] });
    await refusal(api("/api/v1/agent-types", { body: { slug: "linter", argv: ["x"] } }), "agent_type_exists");
    await refusal(api("/api/v1/agent-types", { body: { slug: "shell" } }), "agent_type_exists");
    await refusal(api("/api/v1/agent-types", { body: { slug: "bad", adapter: "custom" } }), "agent_type_invalid");
    expect((await json(api("/api/v1/agent-types"))).items.map(({ slug }: { slug: string }) => slug)).toEqual(["claude", "linter", "shell"]);
    await json(api("/api/v1/agents", { body: { type: "linter", workspace: "/tmp/w" } }));
    await json(api("/api/v1/agents/linter/start", { body: {} }));
    expect(link.asked.find(({ t }) => t === "agent.start")).toMatchObject({
      agent: { definition: { slug: "linter", adapter: "custom", argv: ["lint", "{{prompt}}"] } },
    });
  });
});
