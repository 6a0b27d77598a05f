import { describe, expect, it } from "vitest";
import { freeName, joinLabels, joinName } from "./join.ts";

describe("what a new machine is called", () => {
  it("the token's name wins, and another one asked for is a mistake", () => {
    expect(joinName("gpu", undefined)).toEqual({ ok: true, value: "gpu" });
    expect(joinName("gpu", "gpu")).toEqual({ ok: true, value: "gpu" });
    expect(joinName("gpu", "cpu", true)).toEqual({ ok: true, value: "gpu" });
    expect(joinName("gpu", "cpu")).toMatchObject({ ok: false, error: { code: "field_invalid", field: "name" } });
  });

  it("without either there is none, and a bad one comes back corrected", () => {
    expect(joinName(null, undefined)).toMatchObject({ ok: false, error: { code: "field_missing" } });
    expect(joinName(null, "My Laptop.local")).toMatchObject({ ok: false, error: { hint: "Try my-laptop-local." } });
    expect(joinName(null, "---")).toMatchObject({ ok: false, error: { hint: "Try host." } });
  });

  it("labels of the token cannot be overridden", () => {
    expect(joinLabels({ zone: "a" }, { zone: "b", os: "linux" })).toEqual({ zone: "a", os: "linux" });
    expect(joinLabels(null, undefined)).toEqual({});
  });

  it("suggests the first free name, never longer than a name may be", () => {
    expect(freeName("web", ["web", "web-2", "web-3"])).toBe("web-4");
    expect(freeName("x".repeat(63), []).length).toBeLessThanOrEqual(63);
  });
});
