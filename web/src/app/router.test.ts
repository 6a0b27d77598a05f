import { describe, expect, it } from "vitest";
import { placeOf, safeNext } from "./router.ts";

describe("router", () => {
  it("knows its pages and nothing else", () => {
    expect(placeOf("/")).toEqual({ page: "overview" });
    expect(placeOf("/hosts/")).toEqual({ page: "hosts" });
    expect(placeOf("/sessions/ses_1")).toEqual({ page: "terminal", session: "ses_1" });
    expect(placeOf("/login", "?next=/hosts")).toEqual({ page: "login", next: "/hosts" });
    expect(placeOf("/sessions/a/b").page).toBe("unknown");
  });

  it("goes on after sign-in only within this origin", () => {
    for (const next of ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/login?next=/", null])
      expect(safeNext(next)).toBe("/");
    expect(safeNext("/sessions/ses_01")).toBe("/sessions/ses_01");
  });
});
