/** What a person is shown of real runs; the fixtures are what the CLIs wrote. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseObject } from "./output.ts";
import { anyTalk } from "@maestro/shared/talk/talk";

const FIXTURES = new URL("../fixtures/", import.meta.url);

function shown(text: string): string[] {
  const talk = anyTalk();
  const lines = text.split("\n").flatMap((line) => {
    const event = parseObject(line);
    return event === undefined ? [] : (talk.lines(event) ?? [`RAW ${line}`]);
  });
  return [...lines, ...talk.rest()];
}
const ofFile = (name: string): string[] => shown(readFileSync(new URL(name, FIXTURES), "utf8"));

test("claude: what it said, what it used, how it ended", () => {
  expect(ofFile("claude/2.1.329/write.jsonl")).toEqual([
    "= session 06e2f6f8-6791-43a7-86e6-6fb198c3ffcd, claude-opus-5-5",
    "> Write /home/agent/workspace/nonce.txt",
    "  File created successfully at: /home/agent/workspace/nonce.txt (file state is current in your context — no need to Read it back)",
    "The word is heard2f9b2856e2 indeed.",
    "= done after 2 turns, $0.0019",
  ]);
  expect(ofFile("claude/2.1.329/auth.jsonl").slice(1)).toEqual(["Invalid API key · Fix external API key", "= failed after 1 turn"]);
  expect(ofFile("claude/2.1.329/limit.jsonl").slice(1)).toEqual([
    expect.stringMatching(/^! the provider's limit is reached, until \d{4}-/),
    "You've hit your 5-hour limit · resets 6:07pm (UTC)",
    "= failed after 1 turn",
  ]);
  expect(ofFile("claude/2.1.329/network.jsonl")[1]).toMatch(/^! the provider is asked again, 1 of 10: /);
  expect(ofFile("claude/2.1.329/denied.jsonl")).toContain(
    "! Claude requested permissions to write to /home/agent/workspace/nonce.txt, but you haven't granted it yet.",
  );
});

test("codex: the same, a complaint once", () => {
  expect(ofFile("codex/0.169.0/write.jsonl").slice(-4)).toEqual([
    expect.stringMatching(/^! Model metadata/),
    "> run /bin/bash -lc 'printf %s fixture1234 > /home/agent/workspace/nonce.txt'",
    "The word is heard2f9b2856e2 indeed.",
    "= turn done",
  ]);
  expect(ofFile("codex/0.169.0/quota.jsonl").filter((line) => line.includes("usage limit"))).toHaveLength(1);
  expect(ofFile("codex/0.169.0/denied.jsonl")).toContain("! exit code 1");
});

test("opencode: the same", () => {
  expect(ofFile("opencode/1.18.33/write.jsonl")).toEqual([
    "> write /home/agent/workspace/nonce.txt",
    "  Wrote file successfully.",
    "The word is heard2f9b2856e2 indeed.",
  ]);
  expect(ofFile("opencode/1.18.33/denied.jsonl")[1]).toBe("! The user rejected permission to use this specific tool call.");
  expect(ofFile("opencode/1.18.33/auth.jsonl").at(-1)).toMatch(/^! APIError \(401\) Incorrect API key/);
});

test("gemini: deltas by the line", () => {
  const at = { timestamp: "2026-01-01T00:00:00Z" };
  const events = [
    { type: "init", ...at, session_id: "s1", model: "gemini-x" },
    { type: "message", ...at, role: "user", content: "do it" },
    { type: "message", ...at, role: "assistant", content: "One\nTw", delta: true },
    { type: "message", ...at, role: "assistant", content: "o", delta: true },
    { type: "tool_use", ...at, tool_name: "run_shell_command", parameters: { command: "ls\n-l" } },
    { type: "tool_result", ...at, status: "success", output: "1\n2\n3\n4\n5\n6\n7" },
    { type: "error", ...at, severity: "error", message: "odd" },
    { type: "message", ...at, role: "assistant", content: "End", delta: true },
  ];
  expect(shown(events.map((event) => JSON.stringify(event)).join("\n"))).toEqual([
    "= session s1, gemini-x",
    "One",
    "Two",
    "> run_shell_command ls",
    ...["  1", "  2", "  3", "  4", "  5", "  … 2 more lines"],
    "! odd",
    "End",
  ]);
});

test("no fixture has an event that nobody knows, and none is shown as JSON", () => {
  for (const cli of ["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33"])
    for (const name of readdirSync(new URL(`${cli}/`, FIXTURES)).filter((file) => file.endsWith(".jsonl"))) {
      const lines = ofFile(`${cli}/${name}`);
      expect(lines.length, name).toBeGreaterThan(0);
      expect(
        lines.filter((line) => line.startsWith("RAW") || line.startsWith("{")),
        name,
      ).toEqual([]);
    }
});

test.each([
  '{"level":"info","message":"x"}',
  '{"type":"error","message":"x","at":1}',
  '{"type":"result","ok":true}',
  '{"type":"text","text":"x"}',
])("a program's own %s is left alone", (line) => expect(shown(line)).toEqual([`RAW ${line}`]));

test("what is no number, and no time that there is, stops nobody from reading on", () => {
  const object = { toString: 1 };
  const events = [
    { type: "system", subtype: "api_retry", session_id: "s", attempt: object, max_retries: object, error: "overloaded" },
    { type: "rate_limit_event", session_id: "s", uuid: "u", rate_limit_info: { status: "rejected", resetsAt: -1e300 } },
    { type: "item.completed", item: { type: "command_execution", status: "failed", exit_code: object, aggregated_output: "" } },
  ];
  expect(shown(events.map((event) => JSON.stringify(event)).join("\n"))).toEqual([
    "! the provider is asked again, ? of ?: overloaded",
    "! the provider's limit is reached",
    "! exit code ?",
  ]);
});

test("gemini: a line that does not end is not kept for ever", () => {
  const talk = anyTalk();
  const delta = { type: "message", timestamp: "2026-01-01T00:00:00Z", role: "assistant", content: "x".repeat(1000), delta: true };
  const lines = Array.from({ length: 1000 }, () => talk.lines(delta) ?? []).flat();
  expect(lines.join("").length).toBeGreaterThan(900_000);
  expect([...lines, ...talk.rest()].join("")).toBe("x".repeat(1_000_000));
});
