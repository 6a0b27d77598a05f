/**
 * Every route × {none, viewer, operator, owner, an owner's browser with and without a fresh login, host, agent token}.
 * What each may is written out here once more, by hand: a route that is not listed fails, and so does one whose access
 * was widened without saying so here, or one that is mounted past the table.
 */
import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ROUTES, type RouteName, type RouteSpec } from "@maestro/shared/contract/routes";
import { app } from "../../control-plane/src/app.ts";
import { bootstrap, freshAddress, joinHost, logIn, makeToken, ORIGIN, type Browser, type Fleet, type TestHost } from "./access-fleet.ts";
import { attemptToken, workingFleet, type WorkingFleet } from "./support/working-fleet.ts";

const WHO = ["none", "viewer", "operator", "owner", "browser", "fresh", "host", "agent"] as const;
type Who = (typeof WHO)[number];

/** Who gets past authorisation; everybody else is refused before anything is read. */
const open: readonly Who[] = WHO;
const viewer: readonly Who[] = ["viewer", "operator", "owner", "browser", "fresh"];
const operator: readonly Who[] = ["operator", "owner", "browser", "fresh"];
const owner: readonly Who[] = ["owner", "browser", "fresh"];
/** What makes or ends credentials. */
const ownerNow: readonly Who[] = ["owner", "fresh"];
const host: readonly Who[] = ["host"];

const MAY: Record<RouteName, readonly Who[]> = {
  bootstrap: open,
  login: open,
  loginLink: viewer,
  logout: viewer,
  me: [...viewer, "host"],
  tokens: owner,
  tokenCreate: ownerNow,
  tokenRevoke: ownerNow,
  members: owner,
  memberCreate: ownerNow,
  memberUpdate: ownerNow,
  memberRemove: ownerNow,
  ticket: viewer,
  hosts: [...viewer, "host"],
  host: viewer,
  hostAdd: owner,
  hostUpdate: owner,
  hostRemove: owner,
  hostJoinCreate: ownerNow,
  hostJoin: open,
  hostDrain: operator,
  hostResume: operator,
  hostUnlock: owner,
  hostCheckUnsaved: operator,
  hostCheck: operator,
  hostCarried: host,
  hostCarry: host,
  attemptImage: host,
  hostKey: host,
  hostLink: host,
  hostFiles: operator,
  hostSshConfig: owner,
  agentTypes: viewer,
  agentTypeCreate: operator,
  agents: viewer,
  agentCreate: operator,
  agent: viewer,
  agentUpdate: operator,
  agentRemove: operator,
  agentStart: operator,
  agentStop: operator,
  agentRestart: operator,
  agentReset: operator,
  agentGroom: operator,
  groom: viewer,
  groomCancel: operator,
  sessions: viewer,
  sessionCreate: operator,
  session: viewer,
  sessionKill: operator,
  sessionScreen: viewer,
  sessionInput: operator,
  sessionAttach: viewer,
  tasks: [...viewer, "agent"],
  taskCreate: [...operator, "agent"],
  task: [...viewer, "agent"],
  taskCancel: [...operator, "agent"],
  taskRetry: operator,
  taskCleanup: operator,
  taskWait: [...viewer, "agent"],
  taskLog: [...viewer, "agent"],
  attemptLog: [...viewer, "agent"],
  queue: viewer,
  agentHealth: viewer,
  state: [...viewer, "agent"],
  stateFlush: owner,
  stateGet: [...viewer, "agent"],
  statePut: [...operator, "agent"],
  stateDelete: [...operator, "agent"],
  secrets: operator,
  secretPut: ownerNow,
  secretDelete: ownerNow,
  events: viewer,
  audit: owner,
  health: open,
  openapi: open,
  docs: open,
  install: open,
  problem: open,
  tarball: open,
};

/** How each of those who may not is told. */
const REFUSED: Record<Who, { status: number; codes: readonly string[] }> = {
  none: { status: 401, codes: ["auth_required"] },
  viewer: { status: 403, codes: ["role_insufficient", "scope_missing"] },
  operator: { status: 403, codes: ["role_insufficient", "scope_missing"] },
  owner: { status: 403, codes: ["role_insufficient"] },
  browser: { status: 403, codes: ["role_insufficient", "step_up_required"] },
  fresh: { status: 403, codes: ["role_insufficient"] },
  host: { status: 403, codes: ["host_forbidden"] },
  agent: { status: 403, codes: ["agent_forbidden"] },
};

let fleet: Fleet;
let machine: TestHost;
let tokens: Record<"viewer" | "operator" | "owner" | "agent", string>;
let browsers: Record<"browser" | "fresh", Browser>;

/** Where agents are let in, one is at work; elsewhere it does not matter whether its attempt runs. */
async function enter(withAgent: boolean): Promise<void> {
  const working = withAgent ? await workingFleet() : undefined;
  fleet = working?.fleet ?? (await bootstrap());
  machine = await joinHost(fleet, "walked");
  tokens = {
    viewer: (await makeToken(fleet, { name: "v", role: "viewer" })).token,
    operator: (await makeToken(fleet, { name: "o", role: "operator" })).token,
    owner: fleet.owner.token,
    agent: await (working === undefined ? attemptToken(fleet.id, "t1", { id: "att_1", fence: 1 }) : tokenAtWork(working)),
  };
  browsers = {
    browser: await logIn({ token: (await makeToken(fleet, { name: "b" })).token }),
    fresh: await logIn({ token: fleet.owner.token }),
  };
}

async function tokenAtWork({ submit, running, tokenOf }: WorkingFleet): Promise<string> {
  const { id } = await submit({ prompt: "walk" });
  return tokenOf(id, await running(id));
}

async function ask(who: Who, spec: RouteSpec): Promise<{ status: number; code: string | undefined; text: string }> {
  // A key that an agent may write, too.
  const path = spec.path.replace(":key", "shared:nothing-here").replace(/:id|:code|:name/g, "nothing-here");
  const write = spec.method !== "GET";
  const answer = await exports.default.fetch(`${ORIGIN}${path}${spec.path === "/api/v1/events" ? "?follow=false" : ""}`, {
    method: spec.method,
    headers: {
      "cf-connecting-ip": freshAddress(),
      ...(write ? { "content-type": "application/json" } : {}),
      ...(await proofOf(who, spec, path)),
    },
    ...(write ? { body: "{}" } : {}),
  });
  const text = await answer.text();
  const code = answer.headers.get("content-type") === "application/problem+json" ? JSON.parse(text).code : undefined;
  return { status: answer.status, code, text };
}

async function proofOf(who: Who, spec: RouteSpec, path: string): Promise<Record<string, string>> {
  switch (who) {
    case "none":
      return {};
    case "browser":
    case "fresh":
      return spec.method === "GET" ? browsers[who].headers : browsers[who].writeHeaders;
    case "host":
      return { authorization: await machine.authorization(spec.method, path) };
    case "viewer":
    case "operator":
    case "owner":
    case "agent":
      return { authorization: `Bearer ${tokens[who]}` };
  }
}

const ROWS = Object.entries<RouteSpec>(ROUTES);

describe("the table of routes", () => {
  it("has no route that this test does not list", () => {
    expect(Object.keys(MAY).sort()).toEqual(ROWS.map(([name]) => name).sort());
  });

  it("has every open route say why it is open, and no other way in", () => {
    for (const [name, { access }] of ROWS) {
      expect(access.kind === "open", name).toBe(Reflect.get(MAY, name).includes("none"));
      if (access.kind === "open") expect(access.because.length, name).toBeGreaterThan(20);
    }
  });

  it("is all that is mounted: what stands beside it would be checked by nobody", () => {
    const mounted = app.routes
      .filter(({ method, path }) => !(method === "ALL" && path === "/*"))
      .map(({ method, path }) => `${method} ${path}`);
    expect(mounted.sort()).toEqual(ROWS.map(([, { method, path }]) => `${method} ${path}`).sort());
    // The middleware that gives each request its id; it answers nothing itself.
    expect(app.routes.filter(({ method }) => method === "ALL").map(({ handler }) => handler.name)).toEqual(["withRequestId"]);
  });

  it("names each method and path once", () => {
    const places = ROWS.map(([, { method, path }]) => `${method} ${path}`);
    expect(new Set(places).size).toBe(places.length);
  });
});

// One fleet for all: none of these requests changes what the next of them is let in by, but for a logout of its own.
describe("who may do what", () => {
  it.each(ROWS)("%s", async (name, spec) => {
    await enter(spec.access.kind === "user-or-agent");
    for (const who of WHO) await judge(who, spec, Reflect.get(MAY, name));
  });
});

async function judge(who: Who, spec: RouteSpec, may: readonly Who[]): Promise<void> {
  const { status, code, text } = await ask(who, spec);
  const said = `as ${who}: ${status} ${text.slice(0, 300)}`;
  expect(text, said).not.toMatch(/\n\s+at |\.ts:\d+/);
  if (!may.includes(who)) {
    expect(status, said).toBe(REFUSED[who].status);
    expect(REFUSED[who].codes, said).toContain(code);
    return;
  }
  // Let in: what is then said is about the request itself, never about rights, and never a bug.
  expect(
    [
      "auth_required",
      "role_insufficient",
      "scope_missing",
      "step_up_required",
      "csrf_missing",
      "host_forbidden",
      "agent_forbidden",
      "internal",
    ],
    said,
  ).not.toContain(code);
  expect(status, said).toBeLessThan(spec.access.kind === "open" || status !== 503 ? 500 : 504);
}
