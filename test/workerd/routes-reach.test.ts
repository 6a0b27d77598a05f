/** What a token that is limited to some hosts or some agents sees of the fleet, and may do to it. */
import { describe, expect, test } from "vitest";
import { call, joinHost, json, makeToken, refusal } from "./access-fleet.ts";
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
