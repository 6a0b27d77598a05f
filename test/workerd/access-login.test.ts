/** Browser sessions: cookie, key, CSRF, one-time links, step-up, logout. */
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { STEP_UP_MS } from "@maestro/shared/limits";
import { bootstrap, call, json, logIn, makeToken, ORIGIN, refusal, type Fleet } from "./access-fleet.ts";

let fleet: Fleet;
beforeEach(async () => {
  fleet = await bootstrap();
});

const link = async (token = fleet.owner.token): Promise<string> => {
  const { url } = await json(call("/api/v1/login-links", { token, body: {} }));
  expect(url).toMatch(/^https:\/\/maestro\.test\/login#mst_login_/);
  return url.split("#")[1];
};

describe("logging in", () => {
  it("by a token opens a session that needs cookie and key together", async () => {
    const { headers } = await logIn({ token: fleet.owner.token });
    const me = await json(call("/api/v1/me", { headers }));
    expect(me).toMatchObject({ principal: { kind: "browser", role: "owner", member: fleet.member } });
    expect(me.csrf).toEqual(expect.any(String));
    const problem = await refusal(call("/api/v1/me", { headers: { cookie: headers["cookie"] ?? "" } }), "session_key_missing");
    expect(problem.field).toBe("x-maestro-key");
    await refusal(call("/api/v1/me", { headers: { "x-maestro-key": headers["x-maestro-key"] ?? "" } }), "auth_required");
  });

  it("sets a host-only, HttpOnly, Secure, strict cookie over https and a plain one on loopback", async () => {
    const secure = await call("/api/v1/login", { body: { token: fleet.owner.token } });
    expect(secure.headers.get("set-cookie")).toMatch(
      /^__Host-maestro=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=86400; Secure$/,
    );
    const at = (origin: string): Promise<Response> =>
      exports.default.fetch(`${origin}/api/v1/login`, {
        method: "POST",
        body: JSON.stringify({ token: fleet.owner.token }),
        headers: { "content-type": "application/json", "cf-connecting-ip": origin },
      });
    expect((await at("http://127.0.0.1:23000")).headers.get("set-cookie")).toMatch(
      /^maestro=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=86400$/,
    );
    await refusal(at("http://192.0.2.1"), "insecure_url");
  });

  it("by a link works once", async () => {
    const text = await link();
    await logIn({ link: text });
    await refusal(call("/api/v1/login", { body: { link: text } }), "login_link_used");
  });

  it("of two at once with one link, one gets in", async () => {
    const text = await link();
    const answers = await Promise.all([1, 2, 3].map(() => call("/api/v1/login", { body: { link: text } })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401]);
  });

  it("by an expired or foreign link is refused", async () => {
    const text = await link();
    await env.DB.prepare("update login_links set expires_ms = 1").run();
    await refusal(call("/api/v1/login", { body: { link: text } }), "login_link_expired");
    await env.DB.prepare("delete from login_links").run();
    await refusal(call("/api/v1/login", { body: { link: text } }), "login_link_invalid");
  });

  it("takes exactly one of token and link", async () => {
    await refusal(call("/api/v1/login", { body: {} }), "field_missing");
    await refusal(call("/api/v1/login", { body: { token: "a", link: "b" } }), "field_missing");
  });

  it("rotates: the cookie that was there before opens nothing any more", async () => {
    const first = await logIn({ token: fleet.owner.token });
    await logIn({ token: fleet.owner.token }, { cookie: first.headers["cookie"] ?? "" });
    await refusal(call("/api/v1/me", { headers: first.headers }), "session_expired");
  });

  it("ends at logout", async () => {
    const { headers, writeHeaders } = await logIn({ token: fleet.owner.token });
    const answer = await call("/api/v1/logout", { method: "POST", headers: writeHeaders });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
    await refusal(call("/api/v1/me", { headers }), "session_expired");
  });

  it.each([
    ["idle for 8 h", "update browser_sessions set last_seen_ms = last_seen_ms - 28800001"],
    ["older than 24 h", "update browser_sessions set expires_ms = 1"],
  ])("a session %s is over", async (_, change) => {
    const { headers } = await logIn({ token: fleet.owner.token });
    await env.DB.prepare(change).run();
    await refusal(call("/api/v1/me", { headers }), "session_expired");
  });
});

describe("writes of a browser", () => {
  const create = { name: "x" };
  it("need Origin, Sec-Fetch-Site and CSRF", async () => {
    const { writeHeaders } = await logIn({ link: await link() });
    const without = (name: string): Record<string, string> =>
      Object.fromEntries(Object.entries(writeHeaders).filter(([key]) => key !== name));
    await refusal(call("/api/v1/tokens", { body: create, headers: without("origin") }), "origin_denied");
    await refusal(call("/api/v1/tokens", { body: create, headers: without("sec-fetch-site") }), "origin_denied");
    await refusal(call("/api/v1/tokens", { body: create, headers: { ...writeHeaders, "sec-fetch-site": "same-site" } }), "origin_denied");
    await refusal(call("/api/v1/tokens", { body: create, headers: without("x-maestro-csrf") }), "csrf_missing");
    expect((await call("/api/v1/tokens", { body: create, headers: writeHeaders })).status).toBe(201);
  });

  it("the CSRF value of one session is worthless in another", async () => {
    const one = await logIn({ link: await link() });
    const two = await logIn({ link: await link() });
    await refusal(
      call("/api/v1/tokens", {
        body: create,
        headers: { ...one.writeHeaders, "x-maestro-csrf": two.writeHeaders["x-maestro-csrf"] ?? "" },
      }),
      "csrf_missing",
    );
  });
});

describe("step-up", () => {
  const create = (headers: Record<string, string>): Promise<Response> =>
    call("/api/v1/tokens", { body: { name: crypto.randomUUID() }, headers });

  it("comes with a login by link or with the bootstrap owner's token, and lasts 10 minutes", async () => {
    for (const body of [{ link: await link() }, { token: fleet.owner.token }]) {
      const { writeHeaders } = await logIn(body);
      expect((await create(writeHeaders)).status).toBe(201);
      await env.DB.prepare("update browser_sessions set step_up_until_ms = step_up_until_ms - ?").bind(STEP_UP_MS).run();
      expect((await refusal(create(writeHeaders), "step_up_required")).hint).toContain("maestro open");
    }
  });

  it("does not come with another token", async () => {
    const { token } = await makeToken(fleet, { name: "everyday" });
    await refusal(create((await logIn({ token })).writeHeaders), "step_up_required");
  });

  it("cannot be made by a session that lacks it: its links carry none", async () => {
    const { token } = await makeToken(fleet, { name: "everyday" });
    const session = await logIn({ token });
    const { url } = await json(call("/api/v1/login-links", { body: {}, headers: session.writeHeaders }));
    await refusal(create((await logIn({ link: url.split("#")[1] })).writeHeaders), "step_up_required");
  });

  it("renews neither itself nor the session: links of a stepped-up session carry no step-up and end when it does", async () => {
    const first = await logIn({ link: await link() });
    const endsMs = Date.now() + 60_000;
    await env.DB.prepare("update browser_sessions set expires_ms = ?").bind(endsMs).run();
    let headers = first.writeHeaders;
    // Also not by way of a session that such a link opened.
    for (let generation = 0; generation < 2; generation++) {
      const { url } = await json(call("/api/v1/login-links", { body: {}, headers }));
      const answer = await call("/api/v1/login", { body: { link: url.split("#")[1] } });
      expect(Number(/Max-Age=(\d+)/.exec(answer.headers.get("set-cookie") ?? "")?.[1])).toBeLessThanOrEqual(60);
      const { key, csrf, expiresAt, stepUpUntil } = await json(answer);
      expect(expiresAt).toBe(new Date(endsMs).toISOString());
      expect(stepUpUntil).toBeUndefined();
      const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
      headers = { ...headers, cookie, "x-maestro-key": key, "x-maestro-csrf": csrf };
      await refusal(create(headers), "step_up_required");
    }
  });

  it("a link never widens the rights of whoever made it", async () => {
    const { token } = await makeToken(fleet, { name: "narrow", role: "viewer", scopes: ["hosts:read"] });
    const { headers } = await logIn({ link: await link(token) });
    const me = await json(call("/api/v1/me", { headers }));
    expect(me).toMatchObject({ principal: { role: "viewer" }, scopes: ["hosts:read"] });
    expect((await call("/api/v1/hosts", { headers })).status).not.toBe(403);
    await refusal(call("/api/v1/agents", { headers }), "scope_missing");
  });
});

describe("revocation", () => {
  it("of a token ends the sessions it opened and the links it made", async () => {
    const { id, token } = await makeToken(fleet, { name: "laptop" });
    const text = await link(token);
    const direct = await logIn({ token });
    const byLink = await logIn({ link: await link(token) });
    await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token });
    await refusal(call("/api/v1/me", { headers: direct.headers }), "session_expired");
    await refusal(call("/api/v1/me", { headers: byLink.headers }), "session_expired");
    await refusal(call("/api/v1/login", { body: { link: text } }), "login_link_invalid");
  });
});

describe("a browser session hangs on the token that opened it", () => {
  it.each([
    ["revoked while the login was under way", "revoked_ms", "token_revoked"],
    ["at its own end", "expires_ms", "token_expired"],
  ] as const)("%s, that token takes it along", async (_when, column, code) => {
    const { id, token } = await makeToken(fleet, { name: "laptop" });
    const { headers } = await logIn({ token });
    expect((await call("/api/v1/me", { headers })).status).toBe(200);
    await env.DB.prepare(`update tokens set ${column} = ? where id = ?`)
      .bind(Date.now() - 1, id)
      .run();
    await refusal(call("/api/v1/me", { headers }), code);
  });
});

describe("members", () => {
  it("join by a link in the answer, with the role they were given", async () => {
    const { member, login } = await json(call("/api/v1/members", { token: fleet.owner.token, body: { name: "ada", role: "operator" } }));
    const { headers } = await logIn({ link: login.url.split("#")[1] });
    expect(await json(call("/api/v1/me", { headers }))).toMatchObject({ principal: { name: "ada", role: "operator", member: member.id } });
    await refusal(call("/api/v1/members", { token: fleet.owner.token, body: { name: "ada", role: "viewer" } }), "member_exists");
  });

  it("a changed role bites at once, and a removed member is out", async () => {
    const { member, login } = await json(call("/api/v1/members", { token: fleet.owner.token, body: { name: "bob", role: "owner" } }));
    const { headers } = await logIn({ link: login.url.split("#")[1] });
    expect((await call("/api/v1/members", { headers })).status).toBe(200);
    await call(`/api/v1/members/${member.id}`, { method: "PATCH", token: fleet.owner.token, body: { role: "viewer" } });
    await refusal(call("/api/v1/members", { headers }), "role_insufficient");
    expect((await call(`/api/v1/members/${member.id}`, { method: "DELETE", token: fleet.owner.token })).status).toBe(204);
    await refusal(call("/api/v1/me", { headers }), "session_expired");
    await refusal(call(`/api/v1/members/${member.id}`, { method: "DELETE", token: fleet.owner.token }), "member_not_found");
  });

  it("the last owner stays owner", async () => {
    await refusal(
      call(`/api/v1/members/${fleet.member}`, { method: "PATCH", token: fleet.owner.token, body: { role: "viewer" } }),
      "member_last_owner",
    );
    await refusal(call(`/api/v1/members/${fleet.member}`, { method: "DELETE", token: fleet.owner.token }), "member_last_owner");
    const { member } = await json(call("/api/v1/members", { token: fleet.owner.token, body: { name: "eve", role: "owner" } }));
    const answers = await Promise.all(
      [fleet.member, member.id].map((id) =>
        call(`/api/v1/members/${id}`, { method: "PATCH", token: fleet.owner.token, body: { role: "viewer" } }),
      ),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  });
});

describe("tokens", () => {
  it("are made with no more than their maker's rights", async () => {
    const narrow = await makeToken(fleet, { name: "narrow", scopes: ["admin"], hosts: "web-*" });
    const { token } = await json(call("/api/v1/tokens", { token: narrow.token, body: { name: "child" } }));
    expect(token.hosts).toBe("web-*");
    await refusal(call("/api/v1/tokens", { token: narrow.token, body: { name: "wider", hosts: "*" } }), "scope_missing");
    await refusal(
      call("/api/v1/tokens", { token: fleet.owner.token, body: { name: "odd", role: "viewer", scopes: ["admin"] } }),
      "scope_missing",
    );
  });

  it("keep their names apart until revoked", async () => {
    const first = await makeToken(fleet, { name: "ci" });
    await refusal(call("/api/v1/tokens", { token: fleet.owner.token, body: { name: "ci" } }), "token_exists");
    await call(`/api/v1/tokens/${first.id}`, { method: "DELETE", token: fleet.owner.token });
    await makeToken(fleet, { name: "ci" });
    await refusal(call("/api/v1/tokens/tok_nope", { method: "DELETE", token: fleet.owner.token }), "token_not_found");
  });

  it("tell when they were used, coarsely", async () => {
    await call("/api/v1/me", { token: fleet.owner.token });
    const used = async (): Promise<unknown> => (await json(call("/api/v1/tokens", { token: fleet.owner.token }))).items[0].lastUsedAt;
    const first = await used();
    expect(first).toMatch(/^20/);
    expect(await used()).toBe(first);
  });
});

describe("a credential of one scope", () => {
  it("learns who it is, makes itself a login link and logs out again", async () => {
    const { token } = await makeToken(fleet, { name: "eye", role: "viewer", scopes: ["terminals:read"] });
    expect(await json(call("/api/v1/me", { token }))).toMatchObject({ scopes: ["terminals:read"] });
    const { headers, writeHeaders } = await logIn({ link: await link(token) });
    expect(await json(call("/api/v1/me", { headers }))).toMatchObject({ scopes: ["terminals:read"], csrf: expect.any(String) });
    expect((await call("/api/v1/logout", { method: "POST", headers: writeHeaders })).status).toBe(204);
  });

  it.each([
    ["terminals:read", { session: "work" }, { feed: true }, "events:read"],
    ["events:read", { feed: true }, { session: "work" }, "terminals:read"],
  ] as const)("%s makes tickets for %j, not for %j", async (scope, body, other, missing) => {
    const { token } = await makeToken(fleet, { name: "eye", role: "viewer", scopes: [scope] });
    expect((await call("/api/v1/tickets", { token, body })).status).toBe(201);
    const problem = await refusal(call("/api/v1/tickets", { token, body: other }), "scope_missing");
    expect(problem).toMatchObject({ field: "scope", hint: `Create a token with ${missing}.` });
  });
});

describe("tickets", () => {
  it("open sockets only, which spend them", async () => {
    const { ticket } = await json(call("/api/v1/tickets", { token: fleet.owner.token, body: { feed: true } }));
    const offer = { "sec-websocket-protocol": `maestro.v1, ticket.${ticket}` };
    for (const path of ["/api/v1/events?follow=false", "/api/v1/events"]) {
      const problem = await refusal(call(path, { headers: offer }), "ticket_invalid");
      expect(problem.hint).toBe("Connect a WebSocket with it, or send a token.");
    }
  });

  it("name exactly one thing to open", async () => {
    await refusal(call("/api/v1/tickets", { token: fleet.owner.token, body: {} }), "field_missing");
    const { ticket, expiresAt } = await json(call("/api/v1/tickets", { token: fleet.owner.token, body: { feed: true } }));
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(30_000);
    const offer = { upgrade: "websocket", "sec-websocket-protocol": `maestro.v1, ticket.${ticket}` };
    await refusal(call("/api/v1/sessions/ses_x/attach", { headers: offer }), "ticket_invalid");
    await refusal(
      call("/api/v1/events", { headers: { ...offer, "sec-websocket-protocol": `maestro.v1, ticket.${ticket}x` } }),
      "ticket_invalid",
    );
  });

  it("a cookie alone opens no socket", async () => {
    const { headers } = await logIn({ token: fleet.owner.token });
    await refusal(
      call("/api/v1/events", { headers: { ...headers, upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", origin: ORIGIN } }),
      "auth_required",
    );
  });
});
