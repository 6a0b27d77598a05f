/** [VW1] Upgrades through the whole Worker: of a viewer, of a follower of the events, of a host. */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { AuditRecord } from "@maestro/shared/contract/resources";
import { app } from "../../control-plane/src/app.ts";
import { relayName } from "../../control-plane/src/objects/relay-call.ts";
import { freshAddress, json, keypair, makeToken, ORIGIN, refusal } from "./access-fleet.ts";
import { FakeViewer } from "./support/fake-viewer.ts";
import { LINK, linkedFleet, upgrade } from "./support/linked-fleet.ts";
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
    expect((await refusal(upgrade(path, offer), "ticket_used")).hint).toBe("A ticket works once; ask for a new one.");
    const other = await json(api("/api/v1/sessions", { body: { name: "other" } }));
    const { ticket: wrong } = await json(api("/api/v1/tickets", { body: { session: other.id } }));
    await refusal(upgrade(path, { ...offer, "sec-websocket-protocol": `maestro.v1, ticket.${wrong}` }), "ticket_invalid");
  });

  test("[VW1] rows 34 and 36: a wrong subprotocol, a foreign Origin, no upgrade, no credential", async () => {
    const { token, api } = await linkedFleet();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const path = `/api/v1/sessions/${id}/attach`;
    const authorization = `Bearer ${token}`;
    for (const offer of ["other", ""])
      expect(await refusal(upgrade(path, { authorization, "sec-websocket-protocol": offer }), "subprotocol_invalid")).toMatchObject({
        field: "sec-websocket-protocol",
        hint: "Offer maestro.v1.",
      });
    expect(await refusal(upgrade(path, { authorization, origin: "https://evil.example" }), "origin_denied")).toMatchObject({
      field: "origin",
      hint: "Open the console at its own address.",
    });
    expect((await refusal(api(path), "websocket_required")).hint).toBe("Connect with the subprotocol maestro.v1.");
    expect((await refusal(upgrade(path, {}), "auth_required")).hint).toBe("Ask for a ticket with POST /api/v1/tickets.");
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

  test("[VW1] attaching is recorded before it happens, and what an object refuses is recorded like any other refusal", async () => {
    const { fleet, api } = await linkedFleet();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    const path = `/api/v1/sessions/${id}/attach`;
    const { ticket } = await json(api("/api/v1/tickets", { body: { session: id } }));
    const offer = { "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN };
    socketOf(await upgrade(path, offer)).accept();
    await refusal(upgrade(path, offer), "ticket_used");
    const watcher = await makeToken(fleet, { name: "watcher", role: "viewer" });
    const relay = env.HOST_RELAY.getByName(relayName(fleet.id, (await json(api("/api/v1/hosts/builder"))).id));
    await relay.closeCredential(watcher.id);
    await refusal(upgrade(path, { authorization: `Bearer ${watcher.token}` }), "token_revoked");
    const { items } = await json(api("/api/v1/audit"));
    expect(items.filter(({ action }: AuditRecord) => action === "sessionAttach")).toMatchObject([
      { credential: fleet.owner.id, target: id, outcome: "ok" },
      { credential: fleet.owner.id, target: id, outcome: "ok" },
      { credential: fleet.owner.id, target: id, outcome: "denied", code: "ticket_used" },
      { credential: watcher.id, target: id, outcome: "ok" },
      { credential: watcher.id, target: id, outcome: "denied", code: "token_revoked" },
    ]);
  });

  test("[VW1] nobody attaches unrecorded", async () => {
    const { token, fleet, api } = await linkedFleet();
    const { id } = await json(api("/api/v1/sessions", { body: { name: "work" } }));
    await runInDurableObject(env.FEED.getByName(fleet.id), (_, state) => state.storage.sql.exec("DROP TABLE audit").toArray());
    await refusal(upgrade(`/api/v1/sessions/${id}/attach`, { authorization: `Bearer ${token}` }), "audit_unavailable");
  });
});

describe("the events' socket", () => {
  test("[EV3] a used ticket is refused, and that is recorded", async () => {
    const { api } = await linkedFleet();
    const { ticket } = await json(api("/api/v1/tickets", { body: { feed: true } }));
    const offer = { "sec-websocket-protocol": `maestro.v1, ticket.${ticket}`, origin: ORIGIN };
    socketOf(await upgrade("/api/v1/events", offer)).accept();
    await refusal(upgrade("/api/v1/events", offer), "ticket_used");
    const { items } = await json(api("/api/v1/audit"));
    expect(items.at(-1)).toMatchObject({ action: "events", outcome: "denied", code: "ticket_used" });
  });
});

describe("a host's link", () => {
  test("[LK1] row 50: a signature that was used before opens nothing, and that is recorded", async () => {
    const { host, api } = await linkedFleet();
    const authorization = await host.authorization("GET", LINK);
    socketOf(await upgrade(LINK, { authorization })).accept();
    expect((await refusal(upgrade(LINK, { authorization }), "nonce_replayed")).hint).toBe("Sign again with a fresh nonce.");
    const { items } = await json(api("/api/v1/audit"));
    expect(items.at(-1)).toMatchObject({ actor: "host:builder", action: "hostLink", outcome: "denied", code: "nonce_replayed" });
  });

  test("[LK1] row 49: a signature of another key wakes no object", async () => {
    const { host } = await linkedFleet();
    const authorization = await host.authorization("GET", LINK, {}, await keypair());
    const asleep = new Proxy(env.HOST_RELAY, {
      get: (_, name) => {
        throw new Error(`an object was asked for: ${String(name)}`);
      },
    });
    const request = new Request(`${ORIGIN}${LINK}`, {
      headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", "cf-connecting-ip": freshAddress(), authorization },
    });
    const ctx = createExecutionContext();
    const problem = await refusal(app.fetch(request, { ...env, HOST_RELAY: asleep, FEED: asleep }, ctx), "signature_invalid");
    await waitOnExecutionContext(ctx);
    expect(problem).toMatchObject({
      detail: "The signature is not host 'builder's.",
      hint: "The host-agent signs for the address it was joined with; join it again if that changed.",
    });
  });
});
