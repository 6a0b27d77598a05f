import { describe, expect, it, test } from "vitest";
import type { TaskBody } from "@maestro/shared/contract/tasks";
import { checkRoots, checkTask } from "./check-task.ts";

const refuse = (body: TaskBody, forwardable: string[] = []) => {
  const checked = checkTask(body, forwardable);
  return checked.ok ? "ok" : `${checked.error.code} ${checked.error.field ?? ""}`;
};

describe("what a task may say", () => {
  it.each<[string, TaskBody, string]>([
    ["a prompt", { prompt: "go" }, "ok"],
    ["a command", { command: ["ls", ""] }, "ok"],
    ["neither", {}, "field_missing prompt"],
    ["both", { prompt: "x", command: ["x"] }, "field_invalid command"],
    ["a blank prompt", { prompt: " \n" }, "field_invalid prompt"],
    ["a command without a program", { command: [""] }, "field_invalid command[0]"],
    ["a model for a command", { command: ["x"], model: "m" }, "field_invalid model"],
    ["API 24: NUL in the prompt", { prompt: "a\0b" }, "nul_byte prompt"],
    ["API 24: NUL in a command", { command: ["a", "b\0"] }, "nul_byte command[1]"],
    ["API 24: NUL in an environment", { prompt: "x", env: { A: "\0" } }, "nul_byte env.A"],
    ["API 24: NUL in a path", { prompt: "x", workspace: { mode: "path", path: "/a\0" } }, "nul_byte workspace.path"],
    ["API 26: a relative workspace", { prompt: "x", workspace: { mode: "path", path: "w" } }, "path_outside_roots workspace.path"],
    ["API 26: a relative repository", { prompt: "x", workspace: { mode: "worktree", repo: "../r" } }, "path_outside_roots workspace.repo"],
    ["API 26: an absolute cwd", { prompt: "x", cwd: "/etc" }, "path_outside_roots cwd"],
    ["API 26: a cwd that climbs out", { prompt: "x", cwd: "a/../../b" }, "path_outside_roots cwd"],
    ["a cwd that stays inside", { prompt: "x", cwd: "a/../b/." }, "ok"],
    [
      "an option for git",
      { prompt: "x", workspace: { mode: "worktree", repo: "/r", branch: "--upload-pack=x" } },
      "field_invalid workspace.branch",
    ],
    ["a branch", { prompt: "x", workspace: { mode: "worktree", repo: "/r", branch: "maestro/fix-12" } }, "ok"],
    [
      "a branch that climbs",
      { prompt: "x", workspace: { mode: "worktree", repo: "/r", branch: "a/../b" } },
      "field_invalid workspace.branch",
    ],
    ["API 27: LD_PRELOAD", { prompt: "x", env: { LD_PRELOAD: "/x" } }, "env_denied env.LD_PRELOAD"],
    ["API 27: another of the loader's", { prompt: "x", env: { LD_BIND_NOW: "1" } }, "env_denied env.LD_BIND_NOW"],
    ["API 27: git's configuration", { prompt: "x", hostEnv: ["GIT_CONFIG_KEY_0"] }, "env_denied hostEnv[0]"],
    ["API 27: NODE_OPTIONS as a secret", { prompt: "x", secrets: ["A", "NODE_OPTIONS"] }, "env_denied secrets[1]"],
    ["a name of ours", { prompt: "x", env: { MAESTRO_TOKEN: "x" } }, "env_denied env.MAESTRO_TOKEN"],
    ["a credential that may be forwarded", { prompt: "x", credentials: { GH_TOKEN: "x" } }, "ok"],
    ["a credential that may not", { prompt: "x", credentials: { AWS_SECRET: "x" } }, "env_denied credentials.AWS_SECRET"],
    ["a credential as a plain variable", { prompt: "x", env: { A: "b", GH_TOKEN: "x" } }, "env_denied env.GH_TOKEN"],
    ["a name given twice", { prompt: "x", env: { A: "x" }, secrets: ["A"] }, "field_invalid secrets[0]"],
    [
      "too much of it",
      { prompt: "x", credentials: { GH_TOKEN: "x".repeat(16_384), GITHUB_TOKEN: "x".repeat(16_384) } },
      "value_too_large credentials",
    ],
    ["an id that looks made", { prompt: "x", id: "tsk_1" }, "field_invalid id"],
    ["an id of one's own", { prompt: "x", id: "t123" }, "ok"],
    ["a retry that may do harm", { prompt: "x", onLost: "retry" }, "field_invalid onLost"],
    ["a retry that does none", { prompt: "x", onLost: "retry", idempotent: true }, "ok"],
    ["a heartbeat slower than the timeout", { prompt: "x", timeoutMs: 1000, heartbeatTimeoutMs: 2000 }, "field_invalid heartbeatTimeoutMs"],
  ])("%s", (_, body, expected) => {
    expect(refuse(body)).toBe(expected);
  });

  test("a deployment may let callers bring more names", () => {
    expect(refuse({ prompt: "x", credentials: { AWS_SECRET: "x" } }, ["AWS_SECRET"])).toBe("ok");
    expect(refuse({ prompt: "x", credentials: { LD_PRELOAD: "x" } }, ["LD_PRELOAD"])).toBe("env_denied credentials.LD_PRELOAD");
  });

  test("[TK5] what would be kept as it stands is refused, with the ways in which it is not", () => {
    expect(checkTask({ prompt: "x", env: { OPENAI_API_KEY: "x" } })).toMatchObject({
      error: {
        code: "env_denied",
        field: "env.OPENAI_API_KEY",
        hint: "Leave the value out (--env OPENAI_API_KEY) and it is taken from your environment and sealed; or keep it as a secret: maestro secret set OPENAI_API_KEY",
      },
    });
    expect(refuse({ prompt: "x", env: { AWS_SECRET: "x" } }, ["AWS_SECRET"])).toBe("env_denied env.AWS_SECRET");
    expect(refuse({ prompt: "x", env: { AWS_SECRET: "x" } })).toBe("ok");
  });

  test("a refusal never repeats a value", () => {
    const secret = "hunter2hunter2";
    for (const body of [
      { prompt: "x", credentials: { AWS: secret } },
      { prompt: "x", credentials: { GH_TOKEN: `${secret}\0` } },
      { prompt: "x", env: { LD_PRELOAD: secret } },
      { prompt: "x", env: { GH_TOKEN: secret } },
    ])
      expect(JSON.stringify(checkTask(body))).not.toContain(secret);
  });
});

test.each([
  ["/tmp", true],
  ["/tmp/x", true],
  ["/tmp/../etc", false],
  ["/tmp/../tmp/x", true],
  ["/tmpx", false],
  ["/srv/a/b", true],
  ["/", false],
  // Nobody here knows where that is.
  ["~/x", true],
])("API 26: %s is inside the roots: %s", (path, inside) => {
  const checked = checkRoots({ mode: "path", path }, { name: "builder", roots: ["/tmp", "/srv/"] });
  expect(checked.ok).toBe(inside);
  if (!checked.ok)
    expect(checked.error).toMatchObject({ code: "path_outside_roots", field: "workspace.path", hint: "Inside one of /tmp, /srv/." });
});

test("a host that has not told its roots is asked when it runs; a root of / takes everything", () => {
  expect(checkRoots({ mode: "path", path: "/etc" }, { name: "b", roots: [] }).ok).toBe(true);
  expect(checkRoots({ mode: "worktree", repo: "/etc" }, { name: "b", roots: ["/"] }).ok).toBe(true);
  expect(checkRoots({ mode: "default" }, { name: "b", roots: ["/tmp"] }).ok).toBe(true);
});
