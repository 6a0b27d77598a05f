import { describe, expect, test } from "vitest";
import type { TaskDetail } from "@maestro/shared/contract/tasks";
import { saidIn, toGroom } from "./groom-view.ts";

const said = (text: string): string =>
  `${JSON.stringify({ type: "assistant", session_id: "s1", message: { role: "assistant", content: [{ type: "text", text }] } })}\n`;
const at = "2026-01-01T00:00:00.000Z";
const later = "2026-01-01T00:00:05.000Z";
const NOW = Date.parse(later) + 1000;

function detail(status: TaskDetail["status"], more: Partial<TaskDetail> & { result?: string } = {}): TaskDetail {
  const { result, ...rest } = more;
  return {
    id: "groomer-1",
    status,
    createdAt: at,
    startedAt: at,
    targets: [{ agent: { id: "agt_1", name: "one", type: "claude" }, status, attempts: 1, ...(result === undefined ? {} : { result }) }],
    attempts: [],
    ...rest,
  } as unknown as TaskDetail;
}

describe("[SSH24] a groom", () => {
  test("while it runs tells what has come, and since when", () => {
    expect(toGroom(detail("running"), { text: said("a"), bytes: 90 }, NOW)).toMatchObject({
      status: "running",
      progress: { chunkCount: 1, bytesReceived: 90, elapsedMs: 6000 },
    });
    expect(toGroom(detail("running"), { text: said("a"), bytes: 90 }, NOW)).not.toHaveProperty("text");
  });

  test("that is over answers its result; one whose time was over what it had said", () => {
    expect(toGroom(detail("completed", { result: "all", finishedAt: later }), { text: said("a"), bytes: 1 }, NOW)).toMatchObject({
      status: "done",
      text: "all",
      progress: { elapsedMs: 5000 },
    });
    expect(toGroom(detail("timed_out", { finishedAt: later }), { text: said("so far"), bytes: 1 }, NOW)).toMatchObject({
      status: "done",
      text: "so far",
      partial: true,
    });
    const silent = toGroom(detail("timed_out", { finishedAt: later }), { text: "", bytes: 0 }, NOW);
    expect(silent).toMatchObject({ status: "failed" });
    expect(silent).not.toHaveProperty("text");
  });

  test.each(["failed", "lost", "cancelled"] as const)("that %s has no text", (status) => {
    const groom = toGroom(detail(status, { finishedAt: later }), { text: said("half"), bytes: 1 }, NOW);
    expect(groom?.status).toBe(status === "cancelled" ? "cancelled" : "failed");
    expect(groom).not.toHaveProperty("text");
  });

  test("is none of another name, and none that was sent to several", () => {
    expect(toGroom(detail("running", { id: "tsk_1" }), { text: "", bytes: 0 }, NOW)).toBeUndefined();
    const two = detail("running");
    expect(toGroom({ ...two, targets: [...two.targets, ...two.targets] }, { text: "", bytes: 0 }, NOW)).toBeUndefined();
  });

  test("of plain output it is the output", () => {
    expect(saidIn("one\n{not json\ntwo\n")).toBe("one\n{not json\ntwo");
    expect(saidIn(`${said("one")}{"type":"assist`)).toContain("one");
  });
});
