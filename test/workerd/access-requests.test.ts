/** The bad inputs of the API that need no host: exact code, field and hint, and no stack. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ROUTES, type RouteSpec } from "@maestro/shared/contract/routes";
import { MAX_BODY_BYTES } from "@maestro/shared/limits";
import type { ErrorCode } from "@maestro/shared/errors";
import { formatToken } from "@maestro/shared/token";
import { configOf } from "../../control-plane/src/config.ts";
import { makeAttemptToken } from "../../control-plane/src/crypto/attempt-token.ts";
import { app } from "../../control-plane/src/app.ts";
import { bodyLimitOf } from "../../control-plane/src/http/large-body.ts";
import { bootstrap, call, freshAddress, joinHost, json, logIn, makeToken, ORIGIN, refusal, type Call, type Fleet } from "./access-fleet.ts";

let fleet: Fleet;
beforeEach(async () => {
  fleet = await bootstrap();
});

/** What is written to the server's log meanwhile. */
async function withTold<T>(act: () => Promise<T>): Promise<{ value: T; told: string[] }> {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  try {
    return { value: await act(), told: log.mock.calls.map(([text]) => String(text)) };
  } finally {
    log.mockRestore();
  }
}

interface Case {
  title: string;
  path?: string;
  request: (fleet: Fleet) => Call | Promise<Call>;
  code: ErrorCode;
  field?: string;
  hint: string | RegExp;
  detail?: string;
}

const owner =
  (more: Call = {}) =>
  (of: Fleet): Call => ({ token: of.owner.token, ...more });
const json5 = { "content-type": "application/json" };
const TOKENS = "/api/v1/tokens";
const LEAKED = "Treat it as leaked: revoke it, and send a new one in the Authorization header.";

const CASES: Case[] = [
  {
    title: "API 1: no Authorization",
    request: () => ({}),
    code: "auth_required",
    hint: "Send Authorization: Bearer mst_pat_…, or log in: maestro login.",
  },
  {
    title: "API 2: the token's checksum is wrong",
    request: (of) => ({ token: `${of.owner.token.slice(0, -1)}${of.owner.token.endsWith("0") ? "1" : "0"}` }),
    code: "token_malformed",
    detail: "mistyped or truncated",
    hint: "Copy it again, whole: mst_…",
  },
  {
    title: "API 2: the token is cut off",
    request: (of) => ({ token: of.owner.token.slice(0, 30) }),
    code: "token_malformed",
    hint: "Copy it again, whole: mst_…",
    detail: "mistyped or truncated",
  },
  {
    title: "a token of another deployment",
    request: () => ({ token: formatToken("pat", new Uint8Array(80).fill(3)) }),
    code: "token_unknown",
    hint: "Check that it belongs to this server; an owner can create a new one.",
  },
  {
    title: "an Authorization header of another kind",
    request: () => ({ headers: { authorization: "Basic abc" } }),
    code: "token_malformed",
    field: "authorization",
    hint: "Send: Authorization: Bearer mst_pat_…",
  },
  { title: "API 5: a token in the query", path: "/api/v1/me?token=x", request: owner(), code: "token_in_url", hint: LEAKED },
  { title: "API 5: a token's text under any name", path: "/api/v1/me?q=mst_pat_abc", request: owner(), code: "token_in_url", hint: LEAKED },
  {
    title: "API 8: invalid JSON",
    path: TOKENS,
    request: owner({ raw: '{\n  "name": "x",\n  oops\n}', headers: json5 }),
    code: "json_invalid",
    detail: "3:3",
    hint: "Check quotes and commas there.",
  },
  {
    title: "API 8: JSON that ends too early",
    path: TOKENS,
    request: owner({ raw: '{"name": ', headers: json5 }),
    code: "json_invalid",
    detail: "unexpected end at 1:10",
    hint: "Check quotes and commas there.",
  },
  {
    title: "API 9: JSON nested 20,000 deep",
    path: TOKENS,
    request: owner({ raw: "[".repeat(20_000) + "]".repeat(20_000), headers: json5 }),
    code: "json_too_deep",
    detail: "20000",
    hint: "Flatten it.",
  },
  {
    title: "API 10: a body of 10 MiB",
    path: TOKENS,
    request: owner({ raw: `{"name":"${"x".repeat(10 * MAX_BODY_BYTES)}"}`, headers: json5 }),
    code: "body_too_large",
    detail: "1048576",
    hint: "Send less at once.",
  },
  {
    title: "API 11: text/plain on a write",
    path: TOKENS,
    request: owner({ raw: "{}", headers: { "content-type": "text/plain" } }),
    code: "content_type_unsupported",
    field: "content-type",
    hint: "Send application/json.",
  },
  {
    title: "API 12: a foreign Origin on a write",
    path: TOKENS,
    request: owner({ body: { name: "x" }, headers: { origin: "https://evil.example" } }),
    code: "origin_denied",
    field: "origin",
    hint: "Open the console at its own address.",
  },
  {
    title: "API 14: an unknown field",
    path: TOKENS,
    request: owner({ body: { nme: "ci" } }),
    code: "unknown_field",
    field: "nme",
    hint: "Did you mean name?",
  },
  {
    title: "an unknown query parameter",
    path: `${TOKENS}?limt=3`,
    request: owner(),
    code: "unknown_field",
    field: "limt",
    hint: "Did you mean limit?",
  },
  {
    title: "a query parameter given twice",
    path: `${TOKENS}?limit=3&limit=4`,
    request: owner(),
    code: "field_invalid",
    field: "limit",
    hint: "Give it once.",
  },
  { title: "a missing field", path: TOKENS, request: owner({ body: {} }), code: "field_missing", field: "name", hint: "Give 'name'." },
  {
    title: "a field of the wrong type",
    path: TOKENS,
    request: owner({ body: { name: "ci", expiresInDays: "x" } }),
    code: "field_invalid",
    field: "expiresInDays",
    hint: "Give a number.",
  },
  {
    title: "a wrong element of a list",
    path: TOKENS,
    request: owner({ body: { name: "ci", scopes: ["tasks:read", "nope"] } }),
    code: "field_invalid",
    field: "scopes[1]",
    hint: /^One of hosts:read, hosts:enroll, .*, admin\.$/,
  },
  {
    title: "API 30: a cursor that was not made here",
    path: `${TOKENS}?cursor=abc`,
    request: owner(),
    code: "cursor_invalid",
    field: "cursor",
    hint: "Start again without a cursor.",
  },
  {
    title: "an unknown route",
    path: "/api/v1/tokns",
    request: owner(),
    code: "route_not_found",
    hint: "Did you mean /api/v1/tokens? The API is described at /api/docs.",
  },
  { title: "a wrong method", path: "/api/v1/me", request: owner({ method: "PUT" }), code: "method_not_allowed", hint: "Use GET." },
  {
    title: "API 33: an agent's token creating a token",
    path: TOKENS,
    // Whether its attempt runs does not matter: nobody is asked.
    request: async (of) => ({
      token: await makeAttemptToken((await configOf(env)).keys.attempt, { fleet: of.id, task: "t1", attempt: "att_1", fence: 1 }),
      body: { name: "x" },
    }),
    code: "agent_forbidden",
    hint: "It is for the agent's own task: its children, their logs, and shared state.",
  },
  {
    title: "an agent's token of an attempt that does not run",
    path: "/api/v1/tasks",
    request: async (of) => ({
      token: await makeAttemptToken((await configOf(env)).keys.attempt, { fleet: of.id, task: "t1", attempt: "att_1", fence: 1 }),
    }),
    code: "stale_fence",
    hint: /./,
  },
  {
    title: "an Idempotency-Key with spaces",
    path: TOKENS,
    request: owner({ body: { name: "x" }, headers: { "idempotency-key": "a b" } }),
    code: "field_invalid",
    field: "idempotency-key",
    hint: "A UUID will do.",
  },
];

describe("bad inputs", () => {
  it.each(CASES)("$title → $code", async ({ path = "/api/v1/me", request, code, field, hint, detail }) => {
    const problem = await refusal(call(path, await request(fleet)), code);
    expect(problem.field).toBe(field);
    if (typeof hint === "string") expect(problem.hint).toBe(hint);
    else expect(problem.hint).toMatch(hint);
    if (detail !== undefined) expect(problem.detail).toContain(detail);
  });

  it("API 3: an expired token is 401 token_expired, with the date", async () => {
    const { id, token } = await makeToken(fleet, { name: "old" });
    await env.DB.prepare("update tokens set expires_ms = ? where id = ?")
      .bind(Date.UTC(2026, 0, 2), id)
      .run();
    const problem = await refusal(call("/api/v1/me", { token }), "token_expired");
    expect(problem).toMatchObject({
      detail: "Token 'old' expired on 2026-01-02T00:00:00.000Z.",
      hint: "Create a new one: maestro token create.",
    });
    expect(problem.field).toBeUndefined();
  });

  it("API 4: a revoked token is 401 token_revoked", async () => {
    const { id, token } = await makeToken(fleet, { name: "gone" });
    expect((await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token })).status).toBe(204);
    const problem = await refusal(call("/api/v1/me", { token }), "token_revoked");
    expect(problem.detail).toMatch(/^Token 'gone' was revoked on 20\d\d-.*Z\.$/);
    expect(problem.hint).toBe("Ask an owner for a new one.");
  });

  it("API 6: a missing scope is named", async () => {
    const { token } = await makeToken(fleet, { name: "reader", scopes: ["hosts:read"] });
    const problem = await refusal(call("/api/v1/agents", { token }), "scope_missing");
    expect(problem).toMatchObject({ field: "scope", hint: "Create a token with agents:read." });
    expect(problem.detail).toContain("lacks agents:read");
  });

  it("API 10: a body that does not declare its size is cut off at the limit", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const answer = call("/api/v1/tokens", { token: fleet.owner.token, raw: readable, headers: json5 });
    const writer = writable.getWriter();
    const feeding = (async () => {
      for (let i = 0; i < 64; i++) await writer.write(new Uint8Array(256 * 1024).fill(32));
    })().catch(() => "cut off");
    expect((await refusal(answer, "body_too_large")).hint).toBe("Send less at once.");
    expect(await feeding).toBe("cut off");
  });

  it("API 12: an allowed Origin is the Worker's own", async () => {
    expect((await call("/api/v1/tokens", { token: fleet.owner.token, body: { name: "x" }, headers: { origin: ORIGIN } })).status).toBe(201);
  });

  it("API 13: a cookie without the CSRF header is 403 csrf_missing", async () => {
    const { headers, writeHeaders } = await logIn({ token: fleet.owner.token });
    const problem = await refusal(
      call("/api/v1/logout", { method: "POST", headers: { ...headers, origin: ORIGIN, "sec-fetch-site": "same-origin" } }),
      "csrf_missing",
    );
    expect(problem).toMatchObject({
      field: "x-maestro-csrf",
      hint: "Reload the console; it sends `csrf` of GET /api/v1/me in this header.",
    });
    await refusal(call("/api/v1/logout", { method: "POST", headers: { ...writeHeaders, "x-maestro-csrf": "wrong" } }), "csrf_missing");
  });

  it("API 30: a cursor of one list does not open another", async () => {
    for (const name of ["a", "b", "c"]) await makeToken(fleet, { name });
    const { nextCursor } = await json(call("/api/v1/tokens?limit=2", { token: fleet.owner.token }));
    const rest = await json(call(`/api/v1/tokens?limit=2&cursor=${nextCursor}`, { token: fleet.owner.token }));
    expect(rest.items.map((token: { name: string }) => token.name)).toEqual(["b", "c"]);
    const problem = await refusal(call(`/api/v1/members?cursor=${nextCursor}`, { token: fleet.owner.token }), "cursor_invalid");
    expect(problem).toMatchObject({
      field: "cursor",
      detail: "The cursor belongs to another query.",
      hint: "Start again without a cursor.",
    });
  });

  it("answers with security headers and the request's id", async () => {
    const answer = await call("/api/v1/me", { token: fleet.owner.token });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-request-id": expect.stringMatching(/^req_/),
    });
  });

  it("a query that fails is in the server's log without the values that were bound to it", async () => {
    const { value, told } = await withTold(async () => {
      await env.DB.exec("ALTER TABLE tokens RENAME TO tokens_away");
      try {
        return await refusal(call("/api/v1/me", { token: fleet.owner.token }), "internal");
      } finally {
        await env.DB.exec("ALTER TABLE tokens_away RENAME TO tokens");
      }
    });
    const [line = ""] = told.filter((text) => text.includes(value.requestId));
    expect(JSON.parse(line)).toMatchObject({ message: "internal error", path: "/api/v1/me" });
    expect(line).toContain("no such table: tokens");
    expect(line).toContain("Failed query: select");
    expect(line).not.toContain("params");
  });

  it("a bug answers 500 internal without a trace of itself", async () => {
    await env.DB.prepare("drop table tokens").run();
    const problem = await refusal(call("/api/v1/me", { token: fleet.owner.token }), "internal");
    expect(problem.hint).toContain(problem.requestId);
    expect(JSON.stringify(problem)).not.toMatch(/tokens|sql/i);
  });
});

describe("every route", () => {
  const rows = Object.entries<RouteSpec>(ROUTES);
  const asked = (spec: RouteSpec, of: Fleet, more: Call): Promise<Response> =>
    call(spec.path.replace(/:\w+/g, "nothing-here"), {
      method: spec.method,
      ...(spec.access.kind === "open" ? {} : { token: of.owner.token }),
      ...more,
    });
  const forPeople = rows.filter(([, { access }]) => access.kind !== "host");
  const writes = forPeople.filter(([, { method }]) => method !== "GET");

  /** Where one field makes a body large, that one is named. */
  const largeCode = (name: string): ErrorCode =>
    name === "taskCreate" ? "image_limit" : name === "statePut" ? "value_too_large" : "body_too_large";

  it.each(writes)("%s checks its body, whatever it does with it", async (name, spec) => {
    const plain = await refusal(asked(spec, fleet, { raw: "{}", headers: { "content-type": "text/plain" } }), "content_type_unsupported");
    expect(plain).toMatchObject({ field: "content-type", hint: "Send application/json." });
    await refusal(asked(spec, fleet, { raw: new TextEncoder().encode("{}") }), "content_type_unsupported");
    const large = `{"x":"${"x".repeat(bodyLimitOf(spec === ROUTES.taskCreate ? "taskCreate" : "statePut"))}"}`;
    const tooLarge = await refusal(asked(spec, fleet, { raw: large, headers: json5 }), largeCode(name));
    expect(tooLarge.detail).toMatch(/ larger than \d+ bytes \(\d+ MiB\)\.$/);
    expect((await refusal(asked(spec, fleet, { raw: "{", headers: json5 }), "json_invalid")).detail).toContain("1:2");
    const unknown = await refusal(asked(spec, fleet, { body: { zzzzzzzzzz: 1 } }), "unknown_field");
    expect(unknown.field).toBe("zzzzzzzzzz");
    expect(unknown.hint).toMatch(spec.body === undefined ? /^Nothing is taken here\.$/ : /^(Known: |Did you mean )/);
  });

  it.each(forPeople)("%s refuses a query parameter it does not know", async (_name, spec) => {
    const path = spec.path.replace(/:\w+/g, "nothing-here");
    const token = spec.access.kind === "open" ? {} : { token: fleet.owner.token };
    const problem = await refusal(call(`${path}?zzzzzzzzzz=1`, { method: spec.method, ...token }), "unknown_field");
    expect(problem.field).toBe("zzzzzzzzzz");
    expect(problem.hint).toMatch(spec.query === undefined ? /^Nothing is taken here\.$/ : /^(Known: |Did you mean )/);
  });

  it.each(writes.filter(([, { body }]) => body === undefined))("%s needs no body", async (_name, spec) => {
    for (const more of [{}, { headers: json5 }, { body: {} }]) {
      const text = await (await asked(spec, fleet, more)).text();
      expect(text).not.toMatch(/content_type_unsupported|json_invalid|unknown_field|field_missing/);
    }
  });
});

describe("what a program may be started with", () => {
  const DENIED = "It would change what other programs do; set it in the agent's own configuration.";
  const start = async (body: Record<string, unknown>): Promise<Response> => {
    await joinHost(fleet, "web");
    return call("/api/v1/sessions", { token: fleet.owner.token, body: { host: "web", ...body } });
  };
  it.each([
    ["API 26: a relative cwd", { cwd: "src" }, "path_outside_roots", "cwd", "Give a path on that host, beginning with /."],
    ["API 27: LD_PRELOAD", { env: { LD_PRELOAD: "x" } }, "env_denied", "env.LD_PRELOAD", DENIED],
    ["API 27: another of the loader's", { env: { DYLD_FRAMEWORK_PATH: "x" } }, "env_denied", "env.DYLD_FRAMEWORK_PATH", DENIED],
    ["API 27: git's configuration", { env: { GIT_CONFIG_COUNT: "1" } }, "env_denied", "env.GIT_CONFIG_COUNT", DENIED],
    ["API 27: NODE_OPTIONS", { env: { NODE_OPTIONS: "x" } }, "env_denied", "env.NODE_OPTIONS", DENIED],
    [
      "API 27: a name with =",
      { env: { "A=B": "x" } },
      "env_name_invalid",
      "env.A=B",
      "Letters, digits and _, not beginning with a digit; the value goes beside it.",
    ],
  ] as const)("%s", async (_, body, code, field, hint) => {
    expect(await refusal(start(body), code)).toMatchObject({ field, hint });
  });
});

describe("an embedded control plane", () => {
  const at = async (origin: string, headers: Record<string, string> = {}): Promise<Response> => {
    const ctx = createExecutionContext();
    const request = new Request(`${origin}/api/v1/login`, {
      method: "POST",
      body: JSON.stringify({ token: "mst_pat_x" }),
      headers: { "content-type": "application/json", "cf-connecting-ip": freshAddress(), ...headers },
    });
    const bindings = { ...env, HOST_NAMES: "box,box.local", ALLOWED_ORIGINS: "http://maestro.internal:23000", PLAIN_HTTP: "1" };
    const answer = await app.fetch(request, bindings, ctx);
    await waitOnExecutionContext(ctx);
    return answer;
  };

  it("is not called by a name that a page may have pointed here (DNS rebinding)", async () => {
    const origin = "http://evil.example:23000";
    const problem = await refusal(at(origin, { origin, "sec-fetch-site": "same-origin" }), "origin_denied");
    expect(problem).toMatchObject({
      field: "host",
      detail: "This server is not called 'evil.example'.",
      hint: "Open it by an address, as localhost or by its machine's own name; with --tls any name of the certificate will do.",
    });
  });

  it.each(["127.0.0.1", "localhost", "192.168.1.9", "[::1]", "box", "box.local", "box.tail1234.ts.net", "maestro.internal"])(
    "is called %s",
    async (name) => {
      await refusal(at(`http://${name}:23000`), "token_malformed");
    },
  );
});

describe("rate limits", () => {
  /** Two windows' worth at most, for the one that is open may turn over on the way. */
  async function untilLimited(
    allowed: number,
    ask: () => Promise<Response>,
    before: ErrorCode,
  ): Promise<{ asked: number; last: Response }> {
    for (let asked = 0; asked <= 2 * allowed; asked++) {
      const last = await ask();
      if (last.status !== 429) await refusal(last, before);
      else {
        await refusal(last, "rate_limited");
        return { asked, last };
      }
    }
    throw new Error(`not limited in ${2 * allowed} requests`);
  }

  it("five logins a minute from one address, then 429 with Retry-After", async () => {
    const ip = "192.0.2.7";
    const { asked, last } = await untilLimited(5, () => call("/api/v1/login", { ip, body: { token: "mst_pat_x" } }), "token_malformed");
    expect(asked).toBeGreaterThanOrEqual(5);
    expect(last.headers.get("retry-after")).toBe("60");
  });

  it.each([
    ["logins", "/api/v1/login", 7, "token_malformed"],
    ["enrolments", "/api/v1/hosts/join", 22, "field_missing"],
  ] as const)("a page of elsewhere uses up nobody's allowance of %s", async (_what, path, times, code) => {
    const ip = freshAddress();
    const body = { token: "mst_pat_x" };
    for (let i = 0; i < times; i++) await refusal(call(path, { ip, body, headers: { origin: "https://evil.example" } }), "origin_denied");
    await refusal(call(path, { ip, body }), code);
  });

  it("a token that ended fills no audit log: its refusals are limited like its requests were", async () => {
    const { id, token } = await makeToken(fleet, { name: "leaked" });
    await env.DB.prepare("update tokens set revoked_ms = 1 where id = ?").bind(id).run();
    const answers = new Set<number>();
    // More than two windows' worth, so that the end of one on the way does not matter.
    for (let asked = 0; asked < 1300 && !answers.has(429); asked += 50) {
      const some = await Promise.all(Array.from({ length: 50 }, () => call("/api/v1/me", { token })));
      for (const { status } of some) answers.add(status);
    }
    expect(answers).toEqual(new Set([401, 429]));
  }, 60_000);

  it("guesses at one token are stopped, and its true secret still works", async () => {
    const [, , lookup] = fleet.owner.token.split("_");
    const wrong = wrongSecret(lookup ?? "");
    expect((await untilLimited(10, () => call("/api/v1/me", { token: wrong }), "token_unknown")).asked).toBeGreaterThanOrEqual(10);
    expect((await call("/api/v1/me", { token: fleet.owner.token })).status).toBe(200);
  });
});

/** A well-formed token with this id and another secret: bytes below 36 become the digits of an id. */
function wrongSecret(lookup: string): string {
  const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  return formatToken(
    "pat",
    Uint8Array.from({ length: 80 }, (_, i) => (i < lookup.length ? digits.indexOf(lookup.charAt(i)) : 5)),
  );
}

describe("the API's own description", () => {
  it("OpenAPI names every route once, with its access", async () => {
    const document = await json(call("/api/v1/openapi.json"));
    expect(document.openapi).toBe("3.1.0");
    expect(document.paths["/api/v1/tokens/{id}"].delete).toMatchObject({
      operationId: "tokenRevoke",
      "x-maestro-role": "owner",
      "x-maestro-scope": "admin",
    });
    expect(document.paths["/api/v1/tokens"].post.requestBody.content["application/json"].schema).toMatchObject({
      type: "object",
      additionalProperties: false,
      required: ["name"],
    });
  });

  it("the page loads nothing and runs nothing", async () => {
    const answer = await call("/api/docs");
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
    const html = await answer.text();
    expect(html).not.toMatch(/<script|<img|<link/);
    expect(html).toContain("/api/v1/hosts/joins");
  });

  it("every error code has its page", async () => {
    expect(await (await call("/problems/scope_missing")).text()).toContain("Scope missing");
    await refusal(call("/problems/nope"), "route_not_found");
  });
});

describe("files for a new machine", () => {
  it("the install script is made for this origin", async () => {
    const answer = await exports.default.fetch("https://other.test/install.sh");
    expect(answer.headers.get("content-type")).toContain("shellscript");
    expect(await answer.text()).toContain("ORIGIN='https://other.test'");
  });
});
