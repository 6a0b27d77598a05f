import { describe, expect, it } from "vitest";
import { placeOf, safeNext, taskPath } from "./router.ts";

describe("router", () => {
  it("knows its pages and nothing else", () => {
    expect(placeOf("/")).toEqual({ page: "overview" });
    expect(placeOf("/hosts/")).toEqual({ page: "hosts" });
    expect(placeOf("/sessions/ses_1")).toEqual({ page: "terminal", session: "ses_1" });
    expect(placeOf("/tasks", "status=failed")).toEqual({ page: "tasks", search: "status=failed" });
    expect(placeOf("/tasks/t123")).toEqual({ page: "task", task: "t123", attempt: undefined });
    expect(placeOf("/tasks/t123", "attempt=att_1")).toEqual({ page: "task", task: "t123", attempt: "att_1" });
    expect(placeOf("/queue")).toEqual({ page: "queue", search: "" });
    expect(placeOf("/tasks/a/b").page).toBe("unknown");
    expect(placeOf("/login", "?next=/hosts")).toEqual({ page: "login", next: "/hosts" });
    expect(placeOf("/sessions/a/b").page).toBe("unknown");
  });

  it("goes on after sign-in only within this origin", () => {
    for (const next of ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/login?next=/", null])
      expect(safeNext(next)).toBe("/");
    expect(safeNext("/sessions/ses_01")).toBe("/sessions/ses_01");
    expect(safeNext(taskPath("tsk_1", "att_2"))).toBe("/tasks/tsk_1?attempt=att_2");
  });
});
