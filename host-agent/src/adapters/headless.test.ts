import { describe, expect, test } from "vitest";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { BUILTIN } from "./builtin.ts";
import { launchReason, outcomeAdapter, planHeadless, type HeadlessPlan, type HeadlessSpec } from "./headless.ts";
import { MAX_ARGUMENT_BYTES } from "./headless/arguments.ts";

const HOSTILE = "-rf $(touch /tmp/x) `id` \"quoted\" 'single' \\ ; | & > < \n second line {{model}} %s é 漢";
const agent = { id: "agt_1", name: "a", type: "t", workspace: "/w", args: [], env: {} };
const spec = (more: Partial<HeadlessSpec> = {}): HeadlessSpec => ({
  task: "tsk_1",
  attempt: "att_1",
  fence: 1,
  n: 1,
  agent,
  prompt: "Do it",
  workspace: { mode: "default" },
  env: {},
  hostEnv: [],
  secretNames: [],
  timeoutMs: 1_000,
  trace: false,
  ...more,
});
type Name = AgentType["adapter"];
const plan = (adapter: Name, type: Partial<AgentType> = {}, more: Partial<HeadlessSpec> = {}, root = false) =>
  planHeadless(spec(more), { slug: "t", adapter, ...type }, BUILTIN[adapter], { binary: `/bin/${adapter}`, version: "1.2.3" }, "/w", root);
const planned = (...args: Parameters<typeof plan>): HeadlessPlan => {
  const result = plan(...args);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
};

describe("argv of a headless run", () => {
  test.each<[Name, Partial<AgentType>, string[]]>([
    ["claude", { permissions: "edit" }, ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]],
    ["codex", { permissions: "plan" }, ["exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only", "-"]],
    ["opencode", { permissions: "plan" }, ["run", "--format", "json", "--agent", "plan"]],
    ["gemini", { permissions: "full" }, ["--output-format", "stream-json", "--approval-mode", "yolo"]],
    ["qwen", { permissions: "edit" }, ["--output-format", "stream-json", "--approval-mode", "auto-edit"]],
    ["amp", { permissions: "full" }, ["--execute", "--stream-json", "--dangerously-allow-all"]],
  ])("%s takes the prompt on standard input, whatever is in it", (adapter, type, args) => {
    const { argv, stdin } = planned(adapter, type, { prompt: HOSTILE });
    expect(argv).toEqual([`/bin/${adapter}`, ...args]);
    expect(stdin).toBe(HOSTILE);
  });

  test.each<[Name, string]>([
    ["aider", "--message="],
    ["copilot", "--prompt="],
  ])("%s takes it as one argument, in one piece with its flag", (adapter, flag) => {
    const { argv, stdin } = planned(adapter, {}, { prompt: HOSTILE });
    expect(argv.filter((argument) => argument.includes("touch"))).toEqual([`${flag}${HOSTILE}`]);
    expect(stdin).toBeUndefined();
  });

  test('[SKILL35] kilo <mode> "<prompt>" <workspace>', () => {
    expect(planned("kilo", { mode: "code-reviewer" }, { prompt: "Review $(the) 'change'" }).argv).toEqual([
      "/bin/kilo",
      "code-reviewer",
      "Review $(the) 'change'",
      "/w",
    ]);
    expect(planned("kilo", { mode: "code-reviewer" }, { mode: "test-engineer" }).argv[1]).toBe("test-engineer");
    expect(plan("kilo")).toMatchObject({ ok: false, error: { code: "field_missing", field: "mode" } });
    expect(plan("kilo", { mode: "m" }, { prompt: "--yolo" })).toMatchObject({
      ok: false,
      error: { code: "field_invalid", field: "prompt" },
    });
  });

  test("model, mode and session go on; the task's own come before the agent's and its type's", () => {
    const resumed = { model: "m2", resumeSession: "s1", agent: { ...agent, model: "m1", args: ["--extra"] } };
    expect(planned("claude", {}, resumed).argv).toEqual([
      ...["/bin/claude", "-p", "--output-format", "stream-json", "--verbose", "--model", "m2", "--resume", "s1", "--extra"],
    ]);
    expect(planned("codex", { mode: "deep" }, resumed).argv).toEqual([
      ...["/bin/codex", "exec", "--json", "--skip-git-repo-check", "--model", "m2", "--profile", "deep", "--extra", "resume", "s1", "-"],
    ]);
    expect(planned("opencode", {}, resumed).argv.join(" ")).toContain("--session s1");
    expect(planned("amp", {}, resumed).argv.slice(1, 4)).toEqual(["threads", "continue", "s1"]);
  });

  test("as root, `full` is refused for Claude Code before it refuses itself", () => {
    expect(plan("claude", { permissions: "full" }, {}, true)).toMatchObject({ ok: false, error: { code: "policy_denied", field: "type" } });
    expect(planned("claude", { permissions: "full" }).argv).toContain("bypassPermissions");
    expect(plan("claude", { permissions: "edit" }, {}, true).ok).toBe(true);
  });

  test("a missing CLI is named, with the line that installs it", () => {
    const refused = planHeadless(spec(), { slug: "t", adapter: "codex" }, BUILTIN.codex, undefined, "/w");
    expect(refused).toMatchObject({ ok: false, error: { code: "agent_cli_missing", field: "type" } });
    if (!refused.ok)
      expect(launchReason(refused.error)).toMatchObject({ code: "agent_cli_missing", hint: /npm install -g @openai\/codex/ });
  });

  test("a command is its argv, for whatever agent, and its output is its own", () => {
    const command = { prompt: undefined, command: ["make", "-j2", "a b"] };
    const { argv, env } = planned("claude", { env: { A: "type" } }, { ...command, env: { B: "task" } });
    expect(argv).toEqual(["make", "-j2", "a b"]);
    expect(env).toMatchObject({ A: "type", B: "task", MAESTRO_TASK_ID: "tsk_1", MAESTRO_AGENT: "a" });
    expect(outcomeAdapter(spec(command), BUILTIN.claude)).toBe(BUILTIN.shell);
    expect(outcomeAdapter(spec(), BUILTIN.claude)).toBe(BUILTIN.claude);
    expect(planHeadless(spec({ ...command, agent: undefined }), undefined, BUILTIN.shell, undefined, "/w").ok).toBe(true);
  });

  test("a shell agent reads its prompt as what would be typed", () => {
    expect(planned("shell", {}, { prompt: "echo hi" })).toMatchObject({ argv: ["/bin/sh"], stdin: "echo hi\n" });
    expect(planned("shell", {}, { agent: { ...agent, args: ["bash", "-s"] } }).argv).toEqual(["bash", "-s"]);
  });
});

describe("a custom argv template", () => {
  const custom = (type: Partial<AgentType>, more: Partial<HeadlessSpec> = {}) =>
    planned("custom", { argv: ["tool", "--ask", "{{prompt}}", "--in={{workspace}}", "{{model}}"], ...type }, more);

  test("each placeholder becomes part of exactly one argument", () => {
    expect(custom({}, { prompt: HOSTILE, model: "m x" })).toMatchObject({ argv: ["tool", "--ask", HOSTILE, "--in=/w", "m x"] });
    // A prompt cannot bring placeholders of its own.
    expect(custom({}, { prompt: "{{workspace}} $& {{prompt}}" }).argv[2]).toBe("{{workspace}} $& {{prompt}}");
  });
  test("without a model its argument is left out", () => {
    expect(custom({}).argv).toEqual(["tool", "--ask", "Do it", "--in=/w"]);
  });
  test("on standard input when the type says so, or has no place for it", () => {
    expect(custom({ prompt: "stdin", argv: ["tool", "-"] })).toEqual(expect.objectContaining({ argv: ["tool", "-"], stdin: "Do it" }));
    expect(custom({ argv: ["tool"] })).toMatchObject({ argv: ["tool"], stdin: "Do it" });
    expect(custom({ argv: ["tool"], prompt: "arg" })).toMatchObject({ argv: ["tool", "Do it"] });
    expect(custom({ argv: ["tool"], prompt: "arg" }).stdin).toBeUndefined();
  });
});

describe("[SSH18] images of the prompt", () => {
  const IMAGES = ["/att/images/0a/1-before.png", "/att/images/0a/2-wanted.jpg"];
  const withImages = (adapter: Name, type: Partial<AgentType> = {}, more: Partial<HeadlessSpec> = {}) => {
    const images = IMAGES.map((file) => ({ name: file, type: "png" as const, bytes: 9, sha256: "0".repeat(64) }));
    const program = { binary: `/bin/${adapter}`, version: "1.2.3" };
    return planHeadless(spec({ images, ...more }), { slug: "t", adapter, ...type }, BUILTIN[adapter], program, "/w", false, IMAGES);
  };
  const plannedWith = (...args: Parameters<typeof withImages>): HeadlessPlan => {
    const result = withImages(...args);
    if (!result.ok) throw new Error(result.error.detail);
    return result.value;
  };
  const follows = (argv: readonly string[], flag: string) => argv.flatMap((word, i) => (word === flag ? [argv[i + 1]] : []));

  test.each<[Name, string]>([
    ["codex", "--image"],
    ["opencode", "--file"],
    ["aider", "--read"],
  ])("%s has a flag for them, and its prompt stays as it is", (adapter, flag) => {
    const { argv, stdin = argv.find((word) => word.startsWith("--message="))?.slice("--message=".length) } = plannedWith(adapter);
    expect(follows(argv, flag)).toEqual(IMAGES);
    expect(stdin).toBe("Do it");
    // Nothing that is not another flag comes behind them: some CLIs would take it for one more file.
    expect(argv[argv.indexOf(IMAGES[1] ?? "") + 1]).toMatch(/^--/);
  });
  test.each<[Name, Partial<AgentType>, string, string]>([
    ["claude", {}, "--add-dir", ""],
    ["gemini", {}, "--include-directories", "@"],
    ["qwen", {}, "--include-directories", "@"],
    ["copilot", {}, "--add-dir", "@"],
    ["amp", {}, "", "@"],
    ["kilo", { mode: "code" }, "", ""],
    ["custom", { argv: ["tool", "{{prompt}}"] }, "", ""],
  ])("%s is told of them in its prompt, and let into their directory", (adapter, type, flag, mark) => {
    const { argv, stdin } = plannedWith(adapter, type);
    const prompt = stdin ?? argv.find((word) => word.includes("Do it")) ?? "";
    expect(prompt).toContain("Do it\n\nThese images belong to it, in this order; look at them first:\n");
    expect(prompt.split("\n").slice(-3)).toEqual([...IMAGES.map((image) => `${mark}${image}`), ""]);
    if (flag !== "") expect(follows(argv, flag)).toEqual(["/att/images/0a"]);
  });
  test("codex that goes on with a session looks at them itself: there it has no flag", () => {
    const { argv, stdin } = plannedWith("codex", {}, { resumeSession: "s1" });
    expect(argv).not.toContain("--image");
    expect(stdin).toContain(IMAGES[1]);
  });
  test("a custom type may name its flag", () => {
    expect(plannedWith("custom", { argv: ["tool", "--ask", "{{prompt}}"], image_flag: "--picture" }).argv).toEqual([
      ...["tool", "--ask", "Do it", "--picture", IMAGES[0], "--picture", IMAGES[1]],
    ]);
    expect(plannedWith("custom", { argv: ["tool"], prompt: "arg", image_flag: "-p" }).argv).toEqual([
      ...["tool", "-p", IMAGES[0], "-p", IMAGES[1], "Do it"],
    ]);
  });
  test("a shell, which would run their names, is given none", () => {
    expect(withImages("shell")).toMatchObject({ ok: false, error: { code: "field_invalid", field: "images" } });
  });
  test("without any, nothing is added", () => {
    for (const adapter of ["claude", "codex", "gemini", "amp"] as const) expect(planned(adapter).stdin).toBe("Do it");
  });
});

describe("what cannot be started is refused with its reason", () => {
  test.each<[Name, Partial<AgentType>]>([
    ["custom", { argv: ["tool", "{{prompt}}"] }],
    ["kilo", { mode: "m" }],
    ["aider", {}],
    ["copilot", {}],
  ])("%s: a prompt that no argument can hold", (adapter, type) => {
    expect(plan(adapter, type, { prompt: "x".repeat(MAX_ARGUMENT_BYTES + 1) })).toMatchObject({
      ok: false,
      error: { code: "prompt_too_large", field: "prompt" },
    });
    expect(plan(adapter, type, { prompt: "x".repeat(100_000) }).ok).toBe(true);
  });
  test("a prompt without an agent; neither prompt nor command; a variable that runs code", () => {
    expect(planHeadless(spec({ agent: undefined }), undefined, BUILTIN.shell, undefined, "/w")).toMatchObject({
      error: { code: "target_missing" },
    });
    expect(plan("claude", {}, { prompt: undefined })).toMatchObject({ error: { code: "field_missing", field: "prompt" } });
    expect(plan("claude", {}, { env: { NODE_OPTIONS: "x" } })).toMatchObject({ error: { code: "env_denied", field: "env.NODE_OPTIONS" } });
    expect(launchReason({ code: "prompt_too_large", detail: "d" })).toEqual({ code: "spawn_failed", detail: "d" });
  });
});

describe("[SSH24] what may read only", () => {
  const held = { permissions: "plan" } as const;
  const risky = {
    agent: { ...agent, args: ["--dangerously-skip-permissions"], env: { OPENCODE_PERMISSION: "{}", KILO_PERMISSION: "{}" } },
  };

  test.each([
    ["claude", "--permission-mode plan"],
    ["codex", "--sandbox read-only"],
    ["gemini", "--approval-mode plan"],
    ["qwen", "--approval-mode plan"],
    ["copilot", "--deny-tool write --deny-tool shell"],
    ["aider", "--chat-mode ask"],
    ["opencode", "--agent plan"],
  ] as const)("%s is held to it by %s, whatever its type and the agent's arguments say", (name, words) => {
    const { argv } = planned(name, { permissions: "full", mode: "build" }, { ...held, ...risky }, true);
    expect(argv.join(" ")).toContain(words);
    expect(argv).not.toContain("--dangerously-skip-permissions");
    expect(argv).not.toContain("build");
  });

  test.each(["opencode", "kilo"] as const)("%s is told so in its environment, and no variable of the agent's says otherwise", (name) => {
    const { env } = planned(name, { permissions: "full", mode: "code" }, { ...held, ...risky });
    expect(env[`${name.toUpperCase()}_PERMISSION`]).toContain('"edit":"deny"');
  });

  test.each(["shell", "custom", "amp"] as const)("%s cannot be held to it, and is refused", (name) => {
    expect(plan(name, {}, held)).toMatchObject({ ok: false, error: { code: "policy_denied", field: "to" } });
  });
});
