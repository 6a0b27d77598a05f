/** Agents and agent types over HTTP, with a host on a real signed link. */
import { describe, expect, test } from "vitest";
import type { AgentTypeRow } from "@maestro/shared/contract/resources";
import { json, refusal } from "./access-fleet.ts";
import { typeReport } from "./support/host-words.ts";
import { linkedFleet } from "./support/linked-fleet.ts";
import type { Text } from "./support/relay-frames.ts";
import { workingFleet } from "./support/working-fleet.ts";

describe("agents", () => {
  test("one is assigned, started once, seen working, stopped and removed", async () => {
    const { link, api } = await linkedFleet();
    const made = await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    expect(made).toMatchObject({
      name: "shell",
      type: "shell",
      workspace: "/tmp/w",
      status: "idle",
      priority: 3,
      host: { name: "builder" },
    });
    const twice = await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w2" } }), "agent_exists");
    expect(twice.hint).toContain("--name shell-2");
    const session = await json(api("/api/v1/agents/shell/start", { body: { cols: 100, rows: 30 } }));
    expect(session).toMatchObject({ status: "running", agent: { name: "shell" } });
    expect(link.asked.find(({ t }) => t === "agent.start")).toMatchObject({
      size: { cols: 100, rows: 30 },
      agent: { type: "shell", workspace: "/tmp/w" },
    });
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ status: "working", session: session.id });
    expect((await json(api("/api/v1/agents?status=active"))).items).toHaveLength(1);
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running");
    await refusal(api("/api/v1/agents/shell", { method: "DELETE" }), "agent_running");
    const again = await json(api("/api/v1/agents/shell/restart", { body: {} }));
    expect(again.id).not.toBe(session.id);
    expect(await json(api("/api/v1/agents/shell/stop", { body: {} }))).toMatchObject({ status: "idle", lastExit: { reason: "killed" } });
    await refusal(api("/api/v1/agents/shell/stop", { body: {} }), "agent_not_running");
    expect((await json(api("/api/v1/agents/shell", { method: "PATCH", body: { name: "team-a-shell", tags: ["x"] } }))).tags).toEqual(["x"]);
    expect((await json(api("/api/v1/agents?group=team/a"))).items).toHaveLength(1);
    expect((await api("/api/v1/agents/team-a-shell", { method: "DELETE" })).status).toBe(204);
  });

  test("[SKILL9] one is reset: stopped first, its workspace emptied by the host, and nothing left of how it ended", async () => {
    const { link, api } = await linkedFleet();
    await json(
      api("/api/v1/agent-types", { body: { slug: "linter", argv: ["lint", "{{prompt}}"], workspace_template: "/srv/templates/node" } }),
    );
    const { id } = await json(api("/api/v1/agents", { body: { type: "linter", workspace: "/tmp/w" } }));
    await json(api("/api/v1/agents/linter/start", { body: {} }));
    const reset = await json(api("/api/v1/agents/linter/reset", { body: { force: true } }));
    expect(reset).toMatchObject({ agent: { id, status: "idle" }, removed: 2, template: "/srv/templates/node" });
    expect(reset.agent).not.toHaveProperty("lastExit");
    expect(link.asked.map(({ t }) => t).filter((t) => t === "session.kill" || t === "workspace.reset")).toEqual([
      "session.kill",
      "workspace.reset",
    ]);
    expect(link.asked.find(({ t }) => t === "session.kill")).toMatchObject({ force: true });
    expect(link.asked.find(({ t }) => t === "workspace.reset")).toMatchObject({
      path: "/tmp/w",
      agent: { id, name: "linter", type: "linter", definition: { workspace_template: "/srv/templates/node" } },
    });
    link.answers.set("workspace.reset", () => ({ code: "workspace_busy", detail: "'/tmp/w' is in use.", field: "workspace" }));
    expect(await refusal(api("/api/v1/agents/linter/reset", { body: {} }), "workspace_busy")).toMatchObject({ field: "workspace" });
    await refusal(api("/api/v1/agents/nobody/reset", { body: {} }), "agent_not_found");
    await refusal(api("/api/v1/agents/linter/reset", { body: { forse: true } }), "unknown_field");
  });

  test("[SKILL9] one that works at a task, or whose host is away, is not reset, and not stopped", async () => {
    const { link, api, submit, running, asked } = await workingFleet();
    const task = await submit({ prompt: "x", to: ["rev"] });
    await running(task.id);
    const busy = await refusal(api("/api/v1/agents/rev/reset", { body: {} }), "agent_running");
    expect(busy).toMatchObject({
      detail: `Agent 'rev' works at ${task.id}.`,
      hint: expect.stringContaining(`maestro task cancel ${task.id}`),
    });
    expect(asked("workspace.reset")).toEqual([]);
    await json(api("/api/v1/agents", { body: { type: "shell", name: "other", workspace: "/tmp/o" } }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/agents/other/health"))).status).toBe("unhealthy");
    await refusal(api("/api/v1/agents/other/reset", { body: {} }), "host_unreachable");
  });

  test("an agent whose program failed is failed; with the host away it is unknown", async () => {
    const { link, api } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    const { id } = await json(api("/api/v1/agents/shell/start", { body: {} }));
    const running = link.sessions.find((session) => session.id === id);
    link.say({ t: "sessions", upsert: [{ ...running, end: { reason: "exited", code: 2, atMs: Date.now() } }], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("failed");
    await json(api("/api/v1/agents/shell/start", { body: {} }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("unknown");
  });

  test("a missing CLI says how to install it, an unknown type what is near, a path outside the roots passes through", async () => {
    const { api } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "claude", workspace: "/tmp/w" } }));
    expect((await refusal(api("/api/v1/agents/claude/start", { body: {} }), "agent_cli_missing")).hint).toContain(
      "npm i -g @anthropic-ai/claude-code",
    );
    expect((await refusal(api("/api/v1/agents", { body: { type: "shel", workspace: "/tmp/w" } }), "agent_type_not_found")).hint).toContain(
      "shell",
    );
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/etc" } }), "path_outside_roots");
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "here" } }), "path_outside_roots");
    await refusal(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w", env: { LD_PRELOAD: "x" } } }), "env_denied");
  });

  test("what its host has got a moment ago, a type or a CLI, is looked for before it is refused", async () => {
    const { link, api } = await linkedFleet();
    const has = (...types: object[]): void =>
      void link.answers.set("detect", () => {
        link.say({ t: "inventory", types, first: true, more: false });
        return { types: types.length };
      });
    has(typeReport("shell"), typeReport("fresh", { source: "file", detected: { state: "missing", lookedFor: "fresh", install: "x" } }));
    await json(api("/api/v1/agents", { body: { type: "fresh", workspace: "/tmp/w" } }));
    await refusal(api("/api/v1/agents/fresh/start", { body: {} }), "agent_cli_missing");
    has(typeReport("shell"), typeReport("fresh", { source: "file" }));
    await json(api("/api/v1/agents/fresh/start", { body: {} }));
    // One that cannot look says what it said before.
    link.answers.set("detect", () => ({ code: "host_unreachable", detail: "It is away." }));
    await refusal(api("/api/v1/agents", { body: { type: "nosuch", workspace: "/tmp/w" } }), "agent_type_not_found");
  });

  test("a start that the host refuses leaves the agent as it was", async () => {
    const { link, api } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    link.answers.set("agent.start", (): Text => ({ t: "", code: "spawn_failed", detail: "No such file." }));
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "spawn_failed");
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ status: "idle" });
  });

  test("types made here stand beside those of hosts and travel whole with a start", async () => {
    const { link, api } = await linkedFleet();
    const made = await json(api("/api/v1/agent-types", { body: { slug: "linter", argv: ["lint", "{{prompt}}"] } }));
    expect(made).toMatchObject({ slug: "linter", adapter: "custom", source: "api", hosts: [] });
    await refusal(api("/api/v1/agent-types", { body: { slug: "linter", argv: ["x"] } }), "agent_type_exists");
    await refusal(api("/api/v1/agent-types", { body: { slug: "shell" } }), "agent_type_exists");
    await refusal(api("/api/v1/agent-types", { body: { slug: "bad", adapter: "custom" } }), "agent_type_invalid");
    await json(api("/api/v1/agent-types", { body: { slug: "reviewer", adapter: "claude" } }));
    const types: AgentTypeRow[] = (await json(api("/api/v1/agent-types"))).items;
    expect(types.map(({ slug }) => slug)).toEqual(["claude", "linter", "reviewer", "shell"]);
    // It is found where its CLI is; of one with an argv of its own nobody has looked.
    const foundOn = (slug: string) =>
      types.find((type) => type.slug === slug)?.hosts.map(({ name, report }) => [name, report.detected.state]);
    expect(foundOn("reviewer")).toEqual(foundOn("claude"));
    expect(foundOn("reviewer")).not.toEqual([]);
    expect(foundOn("linter")).toEqual([]);
    await json(api("/api/v1/agents", { body: { type: "linter", workspace: "/tmp/w" } }));
    await json(api("/api/v1/agents/linter/start", { body: {} }));
    expect(link.asked.find(({ t }) => t === "agent.start")).toMatchObject({
      agent: { definition: { slug: "linter", adapter: "custom", argv: ["lint", "{{prompt}}"] } },
    });
  });
});
