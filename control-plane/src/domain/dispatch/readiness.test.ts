import { describe, expect, it } from "vitest";
import { HostFacts } from "../events/present.ts";
import { healthOf, readinessProblem, type HealthInput } from "./readiness.ts";

const agent = { name: "rev", type: "claude", host: "builder", definedHere: false, program: null };
const missing = { state: "missing", lookedFor: "claude", install: "npm i -g claude" } as const;
const found = { state: "found", binary: "/bin/claude", version: "2" } as const;
const at = (detected: typeof missing | typeof found | { state: "invalid"; problem: string }) => ({
  host: "hst_1",
  facts: HostFacts.parse({ connected: true, capabilities: ["git"] }),
  types: [{ slug: "claude", adapter: "claude" as const, source: "builtin" as const, capabilities: ["review"], detected }],
});
const prompt = { command: false, capabilities: [], host: [] };

describe("[SKILL34] whether an agent can be sent a task", () => {
  it("one whose CLI is there can, and one of whose host nothing is known yet may", () => {
    expect(readinessProblem(agent, at(found), prompt)).toBeUndefined();
    expect(readinessProblem(agent, undefined, prompt)).toBeUndefined();
    expect(readinessProblem(agent, { ...at(found), types: [] }, prompt)).toBeUndefined();
  });

  it("[SSH14] one with a program of its own needs none of its type's", () => {
    expect(readinessProblem({ ...agent, program: "~/bin/claude" }, at(missing), prompt)).toBeUndefined();
  });

  it("one without its CLI is told how to install it; a command needs none", () => {
    expect(readinessProblem(agent, at(missing), prompt)).toMatchObject({
      code: "agent_cli_missing",
      field: "to",
      hint: expect.stringContaining("npm i -g claude"),
    });
    expect(readinessProblem(agent, at(missing), { ...prompt, command: true })).toBeUndefined();
  });

  it("one of a type that is broken or gone is unhealthy", () => {
    expect(readinessProblem(agent, at({ state: "invalid", problem: "no argv" }), prompt)).toMatchObject({
      code: "agent_unhealthy",
      field: "to",
    });
    expect(readinessProblem({ ...agent, type: "gone" }, at(found), prompt)).toMatchObject({ code: "agent_unhealthy" });
    expect(readinessProblem({ ...agent, type: "gone", definedHere: true }, at(found), prompt)).toBeUndefined();
  });

  it("capabilities are the host's and the type's", () => {
    expect(readinessProblem(agent, at(found), { ...prompt, capabilities: ["git", "review"] })).toBeUndefined();
    expect(readinessProblem(agent, at(found), { ...prompt, command: true, capabilities: ["gpu"] })).toMatchObject({
      code: "agent_unhealthy",
      field: "on.capabilities",
    });
  });
});

describe("[VR2] what a host of an earlier version would leave out", () => {
  const need = { ...prompt, host: ["images" as const] };
  const old = at(found);

  it("is refused by the place where it was asked for, of a command too", () => {
    expect(readinessProblem(agent, old, need)).toMatchObject({
      code: "upgrade_required",
      field: "images",
      hint: expect.stringContaining("Upgrade"),
    });
    expect(readinessProblem(agent, old, { ...prompt, command: true, host: ["container"] })).toMatchObject({ field: "container" });
    expect(readinessProblem(agent, old, { ...prompt, host: ["program"] })).toMatchObject({ field: "to" });
  });

  it("of a remote host, what is too old is the host-agent that reaches it", () => {
    const carried = { ...old, facts: { ...old.facts, capabilities: ["git", "remote"] } };
    expect(readinessProblem(agent, old, need)?.detail).toBe("The host-agent of 'builder' is of a version that does not know 'images'.");
    const refused = readinessProblem(agent, carried, need);
    expect(refused?.detail).toBe("The host-agent that reaches 'builder' is of a version that does not know 'images'.");
    expect(refused?.hint).toBe(
      "Upgrade it on the host over which that one is reached: run the line again with which that joined. maestro host show builder names it.",
    );
  });

  it("is not where the host knows it, and waits for one that is away", () => {
    const facts = { ...old.facts, capabilities: ["task:images"] };
    expect(readinessProblem(agent, { ...old, facts }, need)).toBeUndefined();
    expect(readinessProblem(agent, { ...old, facts: { ...old.facts, connected: false } }, need)).toBeUndefined();
    expect(readinessProblem(agent, undefined, need)).toBeUndefined();
  });
});

describe("[SKILL6] agent health", () => {
  const input: HealthInput = {
    agent: { ...agent, id: "agt_1", workspace: "/w" },
    host: { id: "hst_1", name: "builder", online: true, draining: false, locked: false, carried: false },
    here: at(found),
    work: { running: [] },
  };
  const codes = (change: Partial<HealthInput>): string[] => healthOf({ ...input, ...change }).reasons.map(({ code }) => code);

  it("idle or busy, it is healthy", () => {
    expect(healthOf(input)).toMatchObject({ status: "healthy", reasons: [], agent: { id: "agt_1", name: "rev" } });
    expect(healthOf({ ...input, work: { running: ["t1"], last: { task: "t0", status: "completed" } } })).toMatchObject({
      status: "healthy",
      lastTask: "t0",
    });
    expect(codes({ work: { running: [], last: { task: "t0", status: "failed", reason: "exit_nonzero" } } })).toEqual([]);
  });

  it.each<[string, Partial<HealthInput>, string[]]>([
    ["its host is away", { host: { ...input.host, online: false, lastSeenAt: "2026-01-01T00:00:00Z" } }, ["host_unreachable"]],
    ["its host is locked", { host: { ...input.host, locked: true } }, ["host_locked"]],
    ["its host is draining", { host: { ...input.host, draining: true } }, ["host_draining"]],
    ["its CLI is missing", { here: at(missing) }, ["agent_cli_missing"]],
    ["it has no workspace", { agent: { ...input.agent, workspace: "" } }, ["workspace_error"]],
    ["it is not logged in", { work: { running: [], last: { task: "t", status: "failed", reason: "auth_failed" } } }, ["auth_failed"]],
    ["its quota is used up", { work: { running: [], last: { task: "t", status: "failed", reason: "quota_limit" } } }, ["quota_limit"]],
  ])("unhealthy: %s", (_, change, expected) => {
    expect(codes(change)).toEqual(expected);
    const { status, reasons } = healthOf({ ...input, ...change });
    expect(status).toBe("unhealthy");
    for (const reason of reasons) expect(reason.detail).not.toBe("");
  });
});
