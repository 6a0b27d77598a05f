import { describe, expect, it } from "vitest";
import { ROLE_SCOPES, ROLES, SCOPES, type Role } from "@maestro/shared/contract/access";
import { makeId } from "@maestro/shared/ids";
import { authorise, effectiveScopes, lowerRole, mayTouchHost, mayTouchSession, reachOf } from "./permissions.ts";
import type { AgentCaller, BrowserPrincipal, HostPrincipal, TokenPrincipal } from "./principal.ts";

const random = new Uint8Array(10);
const person = (role: Role, scopes = ROLE_SCOPES[role]): Omit<TokenPrincipal, "kind" | "id"> => ({
  fleet: makeId("fleet", 0, random),
  member: makeId("member", 0, random),
  name: "ada",
  role,
  scopes,
  agents: undefined,
  hosts: undefined,
  expiresMs: 1e15,
  ticket: undefined,
});
const token = (role: Role, scopes = ROLE_SCOPES[role]): TokenPrincipal => ({
  ...person(role, scopes),
  kind: "token",
  id: makeId("token", 0, random),
});
const browser = (stepUpUntilMs: number | undefined): BrowserPrincipal => ({
  ...person("owner"),
  kind: "browser",
  id: makeId("browser", 0, random),
  parent: undefined,
  absoluteMs: 1e15,
  stepUpUntilMs,
});
const host: HostPrincipal = {
  kind: "host",
  fleet: makeId("fleet", 0, random),
  id: makeId("host", 0, random),
  name: "web",
  draining: false,
  signingKey: "",
  claim: { id: "", epoch: { start: 1, connect: 1 }, instance: "", bootId: "", timeMs: 0, nonce: "" },
};
const agent: AgentCaller = { kind: "agent", id: "att_1", fleet: makeId("fleet", 0, random), task: "t1", fence: 1 };
const code = (result: ReturnType<typeof authorise>): string => (result.ok ? "ok" : result.error.code);

describe("who may", () => {
  it.each(ROLES)("a %s reaches exactly its role's scopes, and admin means all of them and no more", (role) => {
    expect(effectiveScopes(role, SCOPES)).toEqual(ROLE_SCOPES[role]);
    expect(effectiveScopes(role, ["admin"])).toEqual(ROLE_SCOPES[role]);
    expect(effectiveScopes(role, ["hosts:read"])).toEqual(["hosts:read"]);
    expect(effectiveScopes("viewer", ["hosts:write"])).toEqual([]);
  });

  it("the lower of two roles counts", () => {
    expect(lowerRole("owner", "viewer")).toBe("viewer");
    expect(lowerRole("viewer", "owner")).toBe("viewer");
  });

  it("role first, then scope, then the fresh login", () => {
    const access = { kind: "user", role: "operator", scope: "agents:write" } as const;
    expect(code(authorise(access, token("viewer"), 0))).toBe("role_insufficient");
    expect(code(authorise(access, token("operator", ["agents:read"]), 0))).toBe("scope_missing");
    expect(code(authorise(access, token("operator"), 0))).toBe("ok");
    const fresh = { kind: "user", role: "owner", scope: "admin", stepUp: true } as const;
    expect(code(authorise(fresh, token("owner"), 0))).toBe("ok");
    expect(code(authorise(fresh, browser(undefined), 0))).toBe("step_up_required");
    expect(code(authorise(fresh, browser(1000), 999))).toBe("ok");
    expect(code(authorise(fresh, browser(1000), 1000))).toBe("step_up_required");
  });

  it("hosts and people are kept apart", () => {
    expect(code(authorise({ kind: "user", role: "viewer", scope: "hosts:read" }, host, 0))).toBe("host_forbidden");
    expect(code(authorise({ kind: "host" }, token("owner"), 0))).toBe("role_insufficient");
    expect(code(authorise({ kind: "user-or-host", role: "viewer", scope: "hosts:read" }, host, 0))).toBe("ok");
  });

  it("an agent's token is for the routes of agents, whatever role they ask of people", () => {
    const access = { kind: "user-or-agent", role: "operator", scope: "tasks:write" } as const;
    expect(code(authorise(access, agent, 0))).toBe("ok");
    expect(code(authorise(access, token("operator"), 0))).toBe("ok");
    expect(code(authorise(access, token("viewer"), 0))).toBe("role_insufficient");
    expect(code(authorise(access, token("operator", ["tasks:read"]), 0))).toBe("scope_missing");
    expect(code(authorise(access, host, 0))).toBe("host_forbidden");
    expect(code(authorise({ kind: "user", role: "viewer" }, agent, 0))).toBe("agent_forbidden");
    expect(code(authorise({ kind: "host" }, agent, 0))).toBe("agent_forbidden");
    expect(code(authorise({ kind: "user-or-host", role: "viewer" }, agent, 0))).toBe("agent_forbidden");
  });

  it("people see what their limits let them, agents their own task and what it submitted", () => {
    expect(reachOf(token("owner"))).toEqual({});
    expect(reachOf({ ...token("owner"), hosts: "web-*" })).toEqual({ hosts: "web-*" });
    expect(reachOf(agent)).toEqual({ task: "t1" });
  });

  it("a host selector is a glob over names", () => {
    expect(mayTouchHost({ ...token("owner"), hosts: "web-*" }, "web-1")).toBe(true);
    expect(mayTouchHost({ ...token("owner"), hosts: "web-*" }, "db-1")).toBe(false);
    expect(mayTouchHost(token("owner"), "db-1")).toBe(true);
  });

  it.each([
    ["without a limit, any session", undefined, undefined, true],
    ["without a limit, an agent's session", undefined, "web-1", true],
    ["limited, one of its agents'", "web-*", "web-1", true],
    ["limited, another agent's", "web-*", "db-1", false],
    ["limited, a plain shell's", "web-*", undefined, false],
    ["limited to every name, a plain shell's", "*", undefined, false],
    ["limited to one name, that agent's", "web", "web", true],
    ["limited to one name, one that begins with it", "web", "web-1", false],
  ])("a session is its agent's: %s", (_what, agents, agentName, may) => {
    for (const who of [
      { ...token("owner"), agents },
      { ...browser(undefined), agents },
    ])
      expect(mayTouchSession(who, agentName)).toBe(may);
  });
});
