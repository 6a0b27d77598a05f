import { expect, test } from "vitest";
import { ROLE_SCOPES, ROLES, roleAtLeast, SCOPES, globMatches } from "./access.ts";
import { ROUTES, type RouteSpec } from "./routes.ts";

const routes: [string, RouteSpec][] = Object.entries(ROUTES);

test("no two routes share method and path", () => {
  const keys = routes.map(([, { method, path }]) => `${method} ${path.replace(/:\w+/g, ":x")}`);
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});

test.each(routes)("route %s says who may call it, with a scope its role can hold", (_, { access }) => {
  if (access.kind === "user" || access.kind === "user-or-host") {
    const { role, scope } = access;
    if (scope === undefined) return;
    expect(ROLE_SCOPES[role]).toContain(scope);
    // The lowest role that holds the scope is enough, unless the row asks for more on purpose.
    expect(ROLES.some((lower) => ROLE_SCOPES[lower].includes(scope) && roleAtLeast(role, lower))).toBe(true);
  }
});

test("only health, description, install and the places where a first credential is presented are open", () => {
  const open = routes.flatMap(([name, { access }]) => (access.kind === "open" ? name : []));
  expect(open.toSorted()).toEqual(["bootstrap", "docs", "health", "hostJoin", "install", "login", "openapi", "problem", "tarball"]);
  for (const [, { access }] of routes) if (access.kind === "open") expect(access.because.length).toBeGreaterThan(10);
});

test("an open route that takes a secret is rate limited per address", () => {
  const guarded = routes.filter(([, route]) => route.access.kind === "open" && route.method !== "GET");
  expect(guarded.map(([name, { rate }]) => [name, rate === undefined])).toEqual(guarded.map(([name]) => [name, false]));
});

test("without a scope one asks about oneself only, or for a ticket, which takes the scope of what it opens", () => {
  const unscoped = routes.flatMap(([name, { access }]) => ("role" in access && access.scope === undefined ? name : []));
  expect(unscoped.toSorted()).toEqual(["loginLink", "logout", "me", "ticket"]);
});

test("routes live under /api/v1, but for what people and installers open by hand", () => {
  const elsewhere = routes.flatMap(([, { path }]) => (path.startsWith("/api/v1/") ? [] : path));
  expect(elsewhere.toSorted()).toEqual(["/api/docs", "/install.sh", "/maestro.tgz", "/problems/:code"]);
});

test("a GET takes no body, and a write that answers nothing says 204", () => {
  for (const [name, { method, body, result, status }] of routes) {
    if (method === "GET" || method === "DELETE") expect(body, name).toBeUndefined();
    if (method !== "GET" && result === undefined) expect(status, name).toBe(204);
  }
});

test("making, showing or revoking credentials asks for a fresh login", () => {
  for (const name of ["tokenCreate", "tokenRevoke", "memberCreate", "memberUpdate", "memberRemove", "hostJoinCreate"] as const) {
    expect(ROUTES[name].access).toMatchObject({ stepUp: true });
  }
});

test("a higher role can do all a lower one can", () => {
  for (const scope of ROLE_SCOPES.viewer) expect(ROLE_SCOPES.operator).toContain(scope);
  for (const scope of ROLE_SCOPES.operator) expect(ROLE_SCOPES.owner).toContain(scope);
  expect([...ROLE_SCOPES.owner]).toEqual([...SCOPES]);
  expect(roleAtLeast("owner", "viewer") && roleAtLeast("viewer", "viewer") && !roleAtLeast("viewer", "operator")).toBe(true);
});

test.each([
  ["*", "", true],
  ["*", "anything", true],
  ["web-*", "web-1", true],
  ["web-*", "db-1", false],
  ["*-prod", "eu-prod", true],
  ["*-prod", "eu-prod-2", false],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "acb", false],
  ["a.c", "abc", false],
  ["", "", true],
  ["", "x", false],
  ["a**b", "ab", true],
  ["ab*ab", "ab", false],
  ["(a+)+$", "aaaa", false],
])("the glob '%s' on '%s' is %s", (glob, name, matches) => {
  expect(globMatches(glob, name)).toBe(matches);
});

test("a glob full of stars costs no more than its length", () => {
  const startedMs = performance.now();
  expect(globMatches(`${"*a".repeat(127)}*b`, "a".repeat(4_000))).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(250);
});
