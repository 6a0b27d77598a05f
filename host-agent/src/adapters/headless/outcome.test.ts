import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { MAX_RESULT_BYTES } from "@maestro/shared/limits";
import { BUILTIN } from "../builtin.ts";
import { readOutcome, type Exit, type Outcome } from "./outcome.ts";

const directory = mkdtempSync(path.join(tmpdir(), "outcome-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const FIXTURES = new URL("../fixtures/", import.meta.url).pathname;
const NOW = new Date("2026-11-28T15:20:00.000Z");
type Name = AgentType["adapter"];

async function outcomeOf(adapter: Name, content: string | Buffer, exit: Exit, type?: AgentType): Promise<Outcome> {
  const file = path.join(directory, "agent.log");
  writeFileSync(file, content);
  utimesSync(file, NOW, NOW);
  return readOutcome(BUILTIN[adapter], { stdoutFile: file, type }, exit);
}

describe("golden fixtures of real CLIs", () => {
  const VERSIONS = { claude: "2.1.329", codex: "0.169.0", opencode: "1.18.33" } as const;

  async function fixture(cli: keyof typeof VERSIONS, name: string, change: (text: string) => string = (text) => text): Promise<Outcome> {
    const source = path.join(FIXTURES, cli, VERSIONS[cli]);
    const exits: Record<string, { exitCode: number | null; at: string }> = JSON.parse(
      readFileSync(path.join(source, "exits.json"), "utf8"),
    );
    const { exitCode, at } = exits[name] ?? { exitCode: 0, at: "" };
    const file = path.join(directory, `${cli}-${name}.log`);
    copyFileSync(path.join(source, `${name}.jsonl`), file);
    writeFileSync(file, change(readFileSync(file, "utf8")));
    utimesSync(file, new Date(at), new Date(at));
    return readOutcome(BUILTIN[cli], { stdoutFile: file }, { exitCode, ...(exitCode === null ? { signal: "SIGTERM" } : {}) });
  }

  test("success: answer, session, tokens and cost", async () => {
    expect(await fixture("claude", "success")).toEqual({
      result: "The word is heard2f9b2856e2 indeed.",
      session: "445a938f-c5bf-4ebe-90fb-078ae8c7038d",
      usage: { inputTokens: 156, outputTokens: 9, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.000804, turns: 1 },
    });
    expect(await fixture("codex", "success")).toEqual({
      result: "The word is heard2f9b2856e2 indeed.",
      session: "01a222dc-0b95-7360-83da-9e77970641aa",
      usage: { turns: 1, inputTokens: 121, outputTokens: 9, cacheReadTokens: 0 },
    });
    expect(await fixture("opencode", "success")).toEqual({
      result: "The word is heard2f9b2856e2 indeed.",
      session: "ses_ddd1f684effeu8tustNt7TErlX",
      usage: { turns: 1, inputTokens: 11, outputTokens: 9, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 },
    });
  });

  test.each(["claude", "codex", "opencode"] as const)("%s: a run with a tool gives its last answer", async (cli) => {
    const outcome = await fixture(cli, "write");
    expect(outcome.reason).toBeUndefined();
    expect(outcome.result).toBe("The word is heard2f9b2856e2 indeed.");
    expect(outcome.usage?.outputTokens).toBeGreaterThan(9);
  });

  test.each([
    ["claude", "denied", "permission_denied", /Write/],
    ["claude", "auth", "auth_failed", /Invalid API key/],
    ["claude", "no-key", "auth_failed", /Not logged in/],
    ["claude", "quota", "quota_limit", /rate limit/],
    ["claude", "limit", "quota_limit", /limit/],
    ["claude", "overflow", "context_overflow", /too long/],
    ["claude", "network", "network", /ECONNREFUSED/],
    ["codex", "denied", "permission_denied", /nonce\.txt/],
    ["codex", "auth", "auth_failed", /401/],
    ["codex", "no-key", "auth_failed", /Missing environment variable/],
    ["codex", "quota", "quota_limit", /usage limit/],
    ["codex", "overflow", "context_overflow", /context window/],
    ["codex", "network", "killed_by_signal", /SIGTERM.*waiting for network/],
    ["opencode", "denied", "permission_denied", /write/],
    ["opencode", "auth", "auth_failed", /Incorrect API key/],
    ["opencode", "quota", "quota_limit", /Rate limit/],
    ["opencode", "overflow", "context_overflow", /context window/],
    ["opencode", "network", "network", /Unable to connect/],
  ] as const)("%s: %s is %s", async (cli, name, code, detail) => {
    const outcome = await fixture(cli, name);
    expect(outcome.reason).toMatchObject({ code, detail: expect.stringMatching(detail) });
  });

  test.each([
    ["codex", "quota"],
    ["opencode", "quota"],
    ["claude", "limit"],
  ] as const)("%s: %s says when it comes back, two hours later", async (cli, name) => {
    const exits: Record<string, { at: string }> = JSON.parse(readFileSync(path.join(FIXTURES, cli, VERSIONS[cli], "exits.json"), "utf8"));
    const { reason } = await fixture(cli, name);
    // Codex tells its machine's time, whose zone is not that of every machine that tests.
    const zoneMs = cli === "codex" ? new Date(exits[name]?.at ?? 0).getTimezoneOffset() * 60_000 : 0;
    const inMs = Date.parse(reason?.retryAt ?? "") - Date.parse(exits[name]?.at ?? "") - zoneMs;
    expect(inMs / 60_000).toBeGreaterThan(60);
    expect(inMs / 60_000).toBeLessThanOrEqual(122);
  });

  test.each(["claude", "codex", "opencode"] as const)(
    "%s: stamped lines, and stderr between and glued to them, change nothing",
    async (cli) => {
      const expected = await fixture(cli, "write");
      const stamped = (text: string): string =>
        text
          .split("\n")
          .map((line, at) =>
            line === ""
              ? line
              : `${at % 2 === 0 ? "" : "warn: no newline "}TRACE: [2026-11-28T15:20:00.000Z] step: ${line}\nstderr "x" {\n`,
          )
          .join("\n");
      expect(await fixture(cli, "write", stamped)).toEqual(expected);
    },
  );

  test.each(["claude", "codex", "opencode"] as const)("%s: cut off before its end it is no success", async (cli) => {
    const outcome = await fixture(cli, "success", (text) => text.split("\n").slice(0, -2).join("\n"));
    expect(outcome.reason?.code).toBe("agent_error");
  });
});

describe("a command or a shell", () => {
  test("what it printed is its result, without colours and progress bars", async () => {
    expect(await outcomeOf("shell", "\u001b[32mok\u001b[0m\r\n10%\r50%\rdone\n", { exitCode: 0 })).toEqual({ result: "ok\ndone" });
    expect(await outcomeOf("shell", "", { exitCode: 0 })).toEqual({});
  });
  test("its exit code is why, not what it printed", async () => {
    expect(await outcomeOf("shell", "Error: 429 Too Many Requests\n", { exitCode: 3 })).toMatchObject({
      reason: { code: "exit_nonzero", detail: "It ended with exit code 3: Error: 429 Too Many Requests" },
    });
    expect(await outcomeOf("shell", "Error: 429\n", { exitCode: 0 })).toEqual({ result: "Error: 429" });
    expect((await outcomeOf("shell", "x", { exitCode: null, signal: "SIGKILL" })).reason).toMatchObject({
      code: "killed_by_signal",
      detail: "It was ended by SIGKILL.",
    });
  });
  test("of much output the end is kept, cut between characters", async () => {
    const outcome = await outcomeOf("shell", `${"é漢".repeat(100_000)}the end\n`, { exitCode: 0 });
    expect(outcome.resultTruncated).toBe(true);
    expect(Buffer.byteLength(outcome.result ?? "")).toBeLessThanOrEqual(MAX_RESULT_BYTES);
    expect(outcome.result).toMatch(/^[é漢]+the end$/);
  });
  test("without a log there is no result", async () => {
    const exit = { exitCode: 0 };
    expect(await readOutcome(BUILTIN.shell, { stdoutFile: path.join(directory, "none") }, exit)).toEqual({});
    expect((await readOutcome(BUILTIN.claude, { stdoutFile: path.join(directory, "none") }, exit)).reason?.code).toBe("agent_error");
  });
});

describe("CLIs that answer in text", () => {
  test.each<[Name, string, number, string | undefined]>([
    ["kilo", "All 12 tests pass.\n", 0, undefined],
    ["kilo", "Error: Invalid API key provided\n", 1, "auth_failed"],
    ["copilot", "Error: You have exceeded your premium request quota.\n", 1, "quota_limit"],
    ["aider", "litellm.AuthenticationError: AnthropicException - invalid x-api-key\n", 1, "auth_failed"],
    ["gemini", "Please set an Auth method in your settings.json\n", 41, "auth_failed"],
    ["qwen", "[API Error: Connection error. (cause: connect ECONNREFUSED 127.0.0.1:9)]\n", 1, "network"],
    ["amp", "Error: Unauthorized. Please log in with `amp login`.\n", 1, "auth_failed"],
    ["kilo", "sh: kilo: not found\n", 127, "agent_cli_missing"],
    ["kilo", "/r/a.sh: 601: exec: /opt/kilo: Permission denied\n", 126, "spawn_failed"],
    ["kilo", "/r/a.sh: 601: exec: /opt/kilo: Keine Berechtigung\n", 126, "spawn_failed"],
    ["kilo", "ssh: connect to host gpu port 22: No route to host\n", 255, "network"],
    ["kilo", "something odd\n", 9, "exit_nonzero"],
    // It may have done something already, or still run at the far end of the broken line: no code that is retried by itself.
    ["shell", "migrating\nclient_loop: send disconnect: Broken pipe\n", 255, "exit_nonzero"],
    ["shell", "built\nssh: connect to host gpu port 22: Connection refused\n", 255, "exit_nonzero"],
    ["custom", "client_loop: send disconnect: Broken pipe\n", 255, "exit_nonzero"],
    ["custom", "ssh: connect to host gpu port 22: No route to host\n", 255, "network"],
  ])("%s: %j with exit code %d", async (adapter, output, exitCode, code) => {
    expect((await outcomeOf(adapter, output, { exitCode })).reason?.code).toBe(code);
  });
  test("an answer that is about quotas is no quota", async () => {
    const text = "The rate limit middleware answers 429 now; the test for too many requests passes.\n";
    expect((await outcomeOf("kilo", text, { exitCode: 0 })).reason).toBeUndefined();
  });
  test("aider counts its own tokens", async () => {
    const log =
      "Tokens: 2.5k sent, 1.2k cache hit, 100 received. Cost: $0.01 message, $0.01 session.\nDone\nTokens: 1k sent, 50 received. Cost: $0.02 message, $0.03 session.\n";
    expect((await outcomeOf("aider", log, { exitCode: 0 })).usage).toEqual({
      turns: 2,
      inputTokens: 3_500,
      outputTokens: 150,
      cacheReadTokens: 1_200,
      costUsd: 0.03,
    });
  });
  test("gemini's stream", async () => {
    const lines = [
      { type: "init", session_id: "s1", model: "m" },
      { type: "message", role: "user", content: "x" },
      { type: "message", role: "assistant", content: "Let me look. ", delta: true },
      { type: "tool_use", tool_name: "read_file" },
      { type: "message", role: "assistant", content: "It is ", delta: true },
      { type: "message", role: "assistant", content: "done.", delta: true },
      { type: "result", status: "success", stats: { input_tokens: 10, output_tokens: 5, cached: 3 } },
    ];
    expect(await outcomeOf("gemini", lines.map((line) => JSON.stringify(line)).join("\n"), { exitCode: 0 })).toEqual({
      result: "It is done.",
      session: "s1",
      usage: { inputTokens: 10, outputTokens: 5, cacheReadTokens: 3 },
    });
    const failed = JSON.stringify({
      type: "result",
      status: "error",
      error: { type: "ApiError", message: "Resource exhausted. Please retry in 30s" },
    });
    expect((await outcomeOf("gemini", failed, { exitCode: 1 })).reason).toMatchObject({
      code: "quota_limit",
      retryAt: "2026-11-28T15:20:30.000Z",
    });
  });
});

describe("a custom type says where its result stands", () => {
  const type = (result: string): AgentType => ({ slug: "t", adapter: "custom", argv: ["tool"], result });

  test("as text, in the last JSON line that has it, in one document over lines", async () => {
    expect(await outcomeOf("custom", "hello\n", { exitCode: 0 }, type("text"))).toEqual({ result: "hello" });
    const lines = '{"a":{"b":"first"}}\nnoise\n{"a":{"b":"last"}}\n{"other":1}\n';
    expect(await outcomeOf("custom", lines, { exitCode: 0 }, type("json:a.b"))).toEqual({ result: "last" });
    const document = `Working…\n${JSON.stringify({ a: { b: { c: 1 } } }, undefined, 2)}\n`;
    expect(await outcomeOf("custom", document, { exitCode: 0 }, type("json:a.b"))).toEqual({ result: '{"c":1}' });
  });
  test("and when it is not there, that is the failure", async () => {
    expect((await outcomeOf("custom", "hello\n", { exitCode: 0 }, type("json:a.b"))).reason).toMatchObject({
      code: "agent_error",
      detail: /'a\.b'/,
    });
    expect((await outcomeOf("custom", '{"__proto__":{"x":1}}\n', { exitCode: 0 }, type("json:constructor"))).reason?.code).toBe(
      "agent_error",
    );
  });
});

test("a log of hundreds of megabytes is read in bounded memory", { timeout: 120_000 }, async () => {
  const file = path.join(directory, "flood.log");
  const out = openSync(file, "w");
  const flood = Buffer.from("y\n".repeat(512 * 1024));
  for (let at = 0; at < 300; at += 1) writeSync(out, flood);
  // One endless line, too.
  const endless = Buffer.alloc(1024 * 1024, '{"');
  for (let at = 0; at < 32; at += 1) writeSync(out, endless);
  closeSync(out);
  appendFileSync(file, '\n{"type":"result","subtype":"success","is_error":false,"result":"found"}\n');
  const before = process.memoryUsage().rss;
  const began = performance.now();
  const outcome = await readOutcome(BUILTIN.claude, { stdoutFile: file }, { exitCode: 0 });
  expect(outcome.result).toBe("found");
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  expect(performance.now() - began).toBeLessThan(60_000);
  rmSync(file);
});
