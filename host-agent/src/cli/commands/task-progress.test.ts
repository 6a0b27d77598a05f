import { describe, expect, test } from "vitest";
import { Task } from "@maestro/shared/contract/tasks";
import { isSafeText } from "@maestro/shared/sanitize";
import { LiveBlock } from "../render/live-block.ts";
import { displayWidth } from "../render/width.ts";
import { fakeTarget, fakeTask } from "../testing/fake-task.ts";
import { progressLines, progressNews, readableLine } from "./task-progress.ts";

const START = Date.parse("2026-01-01T00:00:00.000Z");
const task = Task.parse(
  fakeTask(
    { id: "t1", status: "running" },
    fakeTarget("reviewer", { status: "running" }),
    fakeTarget("tester", { status: "queued", waiting: { code: "agent_busy", detail: "tester works on t0" } }),
    fakeTarget("builder", { status: "failed", exitCode: 2, reason: { code: "exit_nonzero", detail: "Ended with 2" } }),
  ),
);

describe("live progress", () => {
  test("has a line per target: state, since when, and what there is to say", () => {
    const seen = [
      { sinceMs: START + 30_000, lastLine: "reading src/" },
      { sinceMs: START, lastLine: undefined },
      { sinceMs: START, lastLine: "gone" },
    ];
    expect(progressLines(task, seen, START + 95_000, 100)).toEqual([
      "Task t1  running  1m 35s",
      "  reviewer  running    1m 05s  reading src/",
      "  tester    queued     1m 35s  waits: tester works on t0",
      "  builder   failed             Ended with 2",
    ]);
  });

  test("fits the terminal, and nothing in it acts there", () => {
    const evil = Task.parse(fakeTask({}, fakeTarget("a\u001b]0;x\u0007\u202e", { status: "running" })));
    const lines = progressLines(evil, [{ sinceMs: START, lastLine: "日".repeat(200) }], START, 60);
    for (const line of lines) {
      expect(isSafeText(line)).toBe(true);
      expect(displayWidth(line)).toBeLessThanOrEqual(60);
    }
    expect(lines[1]).toContain("\\u{1b}");
  });

  test("of very many targets counts the rest", () => {
    const many = Task.parse(fakeTask({}, ...Array.from({ length: 30 }, (_, i) => fakeTarget(`a${i}`, { status: "running" }))));
    const lines = progressLines(many, [], START, 80);
    expect(lines).toHaveLength(14);
    expect(lines.at(-1)).toBe("  and 18 more");
  });

  test("is drawn over itself", () => {
    const written: string[] = [];
    const stream = { columns: 80, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
    const block = new LiveBlock(stream);
    block.draw(["a", "b"]);
    block.draw(["c"]);
    block.draw([]);
    expect(written).toEqual(["\r\u001b[Ja\nb\n", "\u001b[2A\r\u001b[Jc\n", "\u001b[1A\r\u001b[J"]);
    expect(block.width).toBe(79);
  });
});

describe("progress in lines", () => {
  test("tells what changed, once", () => {
    expect(progressNews(task, undefined)).toEqual([
      "reviewer: running on gpu-1",
      "tester: queued, waits: tester works on t0",
      "builder: failed: Ended with 2",
    ]);
    expect(progressNews(task, task)).toEqual([]);
    const later = structuredClone(task);
    later.targets[1] = fakeTarget("tester", { status: "running" });
    expect(progressNews(later, task)).toEqual(["tester: running on gpu-1"]);
    later.targets[1] = fakeTarget("tester", { status: "offered" });
    expect(progressNews(later, task)).toEqual([]);
  });
});

test.each([
  ["plain text", "plain text"],
  ["\u001b[1mbold\u001b[0m", "[1mbold[0m"],
  ['{"type":"assistant","message":{"content":[{"type":"text","text":"I look.\\nThen"}]}}', "I look."],
  ['{"type":"item.completed","item":{"text":"done"}}', "done"],
  ['{"type":"system","subtype":"init"}', "system"],
  ['{"result":"ok","type":"result"}', "ok"],
  ["{broken", "{broken"],
  [
    '{"type":"assistant","session_id":"s","message":{"content":[{"type":"tool_use","name":"Bash","input":{"command":"npm test"}}]}}',
    "> Bash npm test",
  ],
  ['{"type":"system","subtype":"hook","session_id":"s"}', ""],
  ['TRACE: [2026-01-01T00:00:00.000Z] step: {"type":"text","sessionID":"s","part":{"text":"Done."}}', "Done."],
])("of the line %s a person sees %s", (line, shown) => {
  expect(readableLine(line)).toBe(shown);
});
