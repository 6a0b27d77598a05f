/** [VW1] The upgrade of a viewer through the whole Worker. */
import { describe, expect, test } from "vitest";
import { json, makeToken, ORIGIN, refusal } from "./access-fleet.ts";
import { FakeViewer } from "./support/fake-viewer.ts";
import { linkedFleet, upgrade } from "./support/linked-fleet.ts";
import { socketOf } from "./support/relay-fixture.ts";

describe("attach", () => {
  test("[VW1] a bearer attaches; a ticket opens what it was made for, once; the echo is maestro.v1 alone", async () => {
    const { token, api } = await linkedFleet();
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
    const { token, api } = await linkedFleet();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const path = `/api/v1/sessions/${id}/attach`;
    const authorization = `Bearer ${token}`;
    await refusal(upgrade(path, { authorization, "sec-websocket-protocol": "other" }), "subprotocol_invalid");
    await refusal(upgrade(path, { authorization, origin: "https://evil.example" }), "origin_denied");
    await refusal(api(path), "websocket_required");
    await refusal(upgrade(path, {}), "auth_required");
  });

  test("[VW5] [F36] revoking a token closes its open terminal with 4401; a client's own context header is worthless", async () => {
    const { fleet, api } = await linkedFleet();
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
});
