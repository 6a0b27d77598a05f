/** What a token that is limited to some hosts or some agents sees of the fleet, and may do to it. */
import { describe, expect, test } from "vitest";
import { bootstrap, call, joinHost, json, makeToken, refusal, type Call } from "./access-fleet.ts";
import { FakeViewer } from "./support/fake-viewer.ts";
import { sessionInfo } from "./support/host-words.ts";
import { linkedFleet, linkUp, upgrade } from "./support/linked-fleet.ts";
import { socketOf } from "./support/relay-fixture.ts";

describe("a token limited to hosts", () => {
  test("sees nothing of the others", async () => {
    const { fleet, api } = await linkedFleet();
    await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const narrow = await makeToken(fleet, { name: "narrow", role: "operator", hosts: "other-*" });
    expect((await json(call("/api/v1/hosts", { token: narrow.token }))).items).toEqual([]);
    expect((await json(call("/api/v1/sessions", { token: narrow.token }))).items).toEqual([]);
    await refusal(call("/api/v1/sessions/work", { token: narrow.token }), "session_not_found");
    await refusal(call("/api/v1/hosts/builder/drain", { token: narrow.token, method: "POST" }), "scope_missing");
  });
});

describe("an owner's token limited to hosts or agents", () => {
  test.each([{ hosts: "web-*" }, { agents: "web-*" }])("%j makes nobody who is not", async (limit) => {
    const fleet = await bootstrap();
    const { token } = await makeToken(fleet, { name: "narrow", ...limit });
    const [field] = Object.keys(limit);
    const refused = async (path: string, options: Call): Promise<void> => {
      const problem = await refusal(call(path, { token, ...options }), "scope_missing");
      expect(problem).toMatchObject({ field, hint: `Use a credential without a limit on ${field}.` });
      expect(problem.detail).toBe(`'owner/narrow' is limited to ${field} 'web-*', and this reaches beyond.`);
    };
    await refused("/api/v1/members", { body: { name: "eve", role: "owner" } });
    await refused(`/api/v1/members/${fleet.member}`, { method: "PATCH", body: { name: "eve" } });
    await refused(`/api/v1/members/${fleet.member}`, { method: "DELETE" });
    await refused("/api/v1/hosts/joins", { body: {} });
    await refused("/api/v1/hosts/joins", { body: { name: "db-1" } });
    await refused(`/api/v1/tokens/${fleet.owner.id}`, { method: "DELETE" });
    expect((await json(call("/api/v1/members", { token: fleet.owner.token }))).items).toHaveLength(1);
    expect((await call("/api/v1/me", { token: fleet.owner.token })).status).toBe(200);
  });

  test("reaches tokens limited as itself, and enrols hosts that it reaches", async () => {
    const fleet = await bootstrap();
    const { token } = await makeToken(fleet, { name: "narrow", hosts: "web-*" });
    const { token: child } = await json(call("/api/v1/tokens", { token, body: { name: "child" } }));
    expect((await call(`/api/v1/tokens/${child.id}`, { token, method: "DELETE" })).status).toBe(204);
    expect((await call("/api/v1/hosts/joins", { token, body: { name: "web-9" } })).status).toBe(201);
    await joinHost(fleet, "web-1");
    const renamed = call("/api/v1/hosts/web-1", { token, method: "PATCH", body: { name: "db-1" } });
    expect((await refusal(renamed, "scope_missing")).field).toBe("name");
  });
});

describe("a token limited to agents", () => {
  test("reaches the sessions of those agents and no other terminal of their host", async () => {
    const { fleet, link, api } = await linkedFleet();
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

  test("changes nothing of a host, which is other agents' too", async () => {
    const { fleet, api } = await linkedFleet();
    const { token } = await makeToken(fleet, { name: "narrow", agents: "web-*" });
    for (const [method, path, body] of [
      ["POST", "/api/v1/hosts/builder/drain"],
      ["POST", "/api/v1/hosts/builder/resume"],
      ["POST", "/api/v1/hosts/builder/unlock"],
      ["PATCH", "/api/v1/hosts/builder", { name: "mine" }],
      ["DELETE", "/api/v1/hosts/builder"],
    ] as const)
      expect(await refusal(call(path, { token, method, ...(body === undefined ? {} : { body }) }), "scope_missing")).toMatchObject({
        field: "agents",
        detail: "'owner/narrow' is limited to agents 'web-*', and this reaches beyond.",
        hint: "Use a credential without a limit on agents.",
      });
    expect(await json(call("/api/v1/hosts/builder", { token }))).toMatchObject({ name: "builder", draining: false });
    expect(await json(api("/api/v1/hosts/builder/drain", { method: "POST" }))).toMatchObject({ draining: true });
  });

  test("is not led to a session by a host that calls it theirs", async () => {
    const { fleet, api } = await linkedFleet();
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
