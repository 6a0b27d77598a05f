import { describe, expect, it } from "vitest";
import { ROUTES } from "@maestro/shared/contract/routes";
import { docsPage, problemPage } from "./docs-page.ts";
import { openApi } from "./openapi.ts";

describe("the API described", () => {
  const text = JSON.stringify(openApi(ROUTES, "https://m.example", "1.2.3"));

  it("has every operation exactly once and leaves no path parameter open", () => {
    for (const name of Object.keys(ROUTES)) expect(text.split(`"operationId":"${name}"`)).toHaveLength(2);
    expect(text).not.toMatch(/"\/[^"]*:\w+[^"]*":\{"(get|post|put|patch|delete)"/);
  });

  it("says which operations need no credential", () => {
    expect(text).toMatch(/"operationId":"health"[^}]*"security":\[\]/);
    expect(text).toMatch(/"operationId":"tokens"[^}]*"security":\[\{"token":\[\]\},/);
  });

  it("escapes what it shows", () => {
    const hostile = {
      x: { method: "GET", path: "/<b>", access: { kind: "open", because: "<script>" }, summary: "<img>", tag: "a&b" },
    } as const;
    expect(docsPage(hostile, "1")).not.toMatch(/<(b|script|img)>/);
    expect(problemPage("internal")).toContain("HTTP 500");
  });
});
