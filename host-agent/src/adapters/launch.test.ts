import { describe, expect, test } from "vitest";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { BUILTIN, BUILTIN_TYPES } from "./builtin.ts";
import { firstVersion, type Permissions } from "./adapter.ts";
import { fillTemplate, planAgent, type AgentSpec } from "./launch.ts";

const agent = (more: Partial<AgentSpec> = {}): AgentSpec => ({
  id: "agt_1",
  name: "a",
  type: "t",
  workspace: "/w",
  args: [],
  env: {},
  ...more,
});
const argvOf = (type: AgentType, more: Partial<AgentSpec> = {}, version = "1.2.3") => {
  const planned = planAgent(agent(more), type, BUILTIN[type.adapter], { binary: `/bin/${type.adapter}`, version }, "/w");
  if (!planned.ok) throw new Error(planned.error.detail);
  return planned.value;
};

describe("permissions", () => {
  const table: [AgentType["adapter"], Record<Permissions, string>][] = [
    ["claude", { plan: "--permission-mode plan", edit: "--permission-mode acceptEdits", full: "--permission-mode bypassPermissions" }],
    [
      "codex",
      {
        plan: "--sandbox read-only --ask-for-approval on-request",
        edit: "--sandbox workspace-write --ask-for-approval on-request",
        full: "--dangerously-bypass-approvals-and-sandbox",
      },
    ],
    ["opencode", { plan: "--agent plan", edit: "", full: "" }],
    ["kilo", { plan: "--agent plan", edit: "", full: "" }],
    ["gemini", { plan: "--approval-mode plan", edit: "--approval-mode auto_edit", full: "--approval-mode yolo" }],
    ["aider", { plan: "--chat-mode ask", edit: "", full: "--yes-always" }],
    ["copilot", { plan: "--deny-tool write --deny-tool shell", edit: "--allow-tool write", full: "--allow-all-tools" }],
    ["amp", { plan: "", edit: "", full: "--dangerously-allow-all" }],
    ["qwen", { plan: "--approval-mode plan", edit: "--approval-mode auto-edit", full: "--approval-mode yolo" }],
  ];
  test.each(table)("%s is told plan, edit and full in its own words, and nothing when nothing is said", (adapter, words) => {
    expect(argvOf({ slug: "t", adapter }).argv).toEqual([`/bin/${adapter}`]);
    for (const [level, said] of [
      ["plan", words.plan],
      ["edit", words.edit],
      ["full", words.full],
    ] as const) {
      expect(argvOf({ slug: "t", adapter, permissions: level }).argv.slice(1).join(" ")).toBe(said);
    }
  });

  test("opencode's and kilo's levels travel in the environment", () => {
    expect(JSON.parse(argvOf({ slug: "t", adapter: "opencode", permissions: "edit" }).env["OPENCODE_PERMISSION"] ?? "")).toMatchObject({
      edit: "allow",
      bash: "ask",
    });
    expect(JSON.parse(argvOf({ slug: "t", adapter: "kilo", permissions: "full" }).env["KILO_PERMISSION"] ?? "")).toMatchObject({
      edit: "allow",
      bash: "allow",
    });
  });
});

test("model, mode and the agent's own arguments reach the CLI as whole arguments", () => {
  expect(argvOf({ slug: "t", adapter: "claude" }, { model: "opus; rm -rf /", args: ["--x", "$(y)"] }).argv).toEqual([
    "/bin/claude",
    "--model",
    "opus; rm -rf /",
    "--x",
    "$(y)",
  ]);
  expect(argvOf({ slug: "t", adapter: "kilo", mode: "code-reviewer" }).argv).toEqual(["/bin/kilo", "--agent", "code-reviewer"]);
  expect(argvOf({ slug: "t", adapter: "kilo", mode: "code-reviewer" }, {}, "0.26.1").argv).toEqual([
    "/bin/kilo",
    "--mode",
    "code-reviewer",
  ]);
  expect(argvOf({ slug: "t", adapter: "codex", mode: "work" }).argv).toEqual(["/bin/codex", "--profile", "work"]);
});

test("Claude keeps its scrollback: its alternate screen is off, unless the type says otherwise", () => {
  expect(argvOf({ slug: "t", adapter: "claude" }).env["CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN"]).toBe("1");
  expect(
    argvOf({ slug: "t", adapter: "claude", env: { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: "0" } }).env[
      "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN"
    ],
  ).toBe("0");
});

test("an agent's environment wins over its type's, and names that run code are refused", () => {
  expect(argvOf({ slug: "t", adapter: "shell", env: { A: "type", B: "type" } }, { env: { A: "agent" } }).env).toMatchObject({
    A: "agent",
    B: "type",
  });
  for (const name of ["LD_PRELOAD", "NODE_OPTIONS", "DYLD_ANYTHING", "PATH"]) {
    expect(planAgent(agent({ env: { [name]: "x" } }), { slug: "t", adapter: "shell" }, BUILTIN.shell, undefined, "/w")).toMatchObject({
      ok: false,
      error: { code: "env_denied", field: `env.${name}` },
    });
  }
});

test("a missing agent CLI is refused with the line that installs it", () => {
  expect(planAgent(agent(), { slug: "t", adapter: "claude" }, BUILTIN.claude, undefined, "/w")).toMatchObject({
    ok: false,
    error: { code: "agent_cli_missing", hint: expect.stringContaining("npm install -g @anthropic-ai/claude-code") },
  });
});

test("a shell without arguments is the login shell; with arguments they are the command", () => {
  expect(argvOf({ slug: "shell", adapter: "shell" }).argv).toEqual([]);
  expect(argvOf({ slug: "shell", adapter: "shell" }, { args: ["top", "-d", "1"] }).argv).toEqual(["top", "-d", "1"]);
});

test("each placeholder becomes part of exactly one argument", () => {
  const values = { workspace: "/a b/$(c)", model: "m" };
  expect(fillTemplate(["tool", "--in={{workspace}}", "{{model}}", "{{prompt}}", "x{{prompt}}y"], values)).toEqual([
    "tool",
    "--in=/a b/$(c)",
    "m",
    "xy",
  ]);
  expect(fillTemplate(["tool", "{{model}}", "--m={{model}}"], { workspace: "/w", model: undefined })).toEqual(["tool", "--m="]);
  expect(fillTemplate(["{{workspace}}"], { workspace: "{{model}}", model: "no" })).toEqual(["{{model}}"]);
});

test.each([
  ["2.0.14 (Claude Code)\n", "2.0.14"],
  ["codex-cli 0.46.0", "0.46.0"],
  ["aider 0.86.1", "0.86.1"],
  ["0.0.1761234567-gabc123 (released 2026-01-01)", "0.0.1761234567-gabc123"],
  ["v1.0\n", "1.0"],
  ["opencode version 1.0.0-beta.2+build", "1.0.0-beta.2+build"],
  ["hello", undefined],
])("the version in %j is %s", (output, version) => {
  expect(firstVersion(output)).toBe(version);
});

test("every built-in type but the shell says how it is installed and what it is called", () => {
  for (const adapter of BUILTIN_TYPES) {
    if (adapter.name === "shell") continue;
    expect(adapter.install.length).toBeGreaterThan(5);
    expect(adapter.binaries.length).toBeGreaterThan(0);
  }
});
