import { describe, expect, it } from "vitest";
import * as z from "zod";
import { fieldPath, shapeError } from "./shape-error.ts";

const refuse = (schema: z.ZodType, input: unknown, known: string[] = []) => {
  const read = schema.safeParse(input);
  if (read.success) throw new Error("it fits");
  return shapeError(
    read.error,
    () => known,
    (path) =>
      path.reduce<unknown>((at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined), input) !== undefined,
  );
};

describe("what is wrong with a request's shape", () => {
  it("writes paths the way people do", () => {
    expect(fieldPath(["steps", 2, "prompt"])).toBe("steps[2].prompt");
    expect(fieldPath([0, "a"])).toBe("[0].a");
    expect(fieldPath(["a\u001b[31m"])).toBe("a\\u{1b}[31m");
  });

  it("an unknown field comes before what is missing because of it", () => {
    expect(refuse(z.strictObject({ prompt: z.string() }), { promt: "x" }, ["prompt"])).toMatchObject({
      code: "unknown_field",
      field: "promt",
      hint: "Did you mean prompt?",
    });
    expect(refuse(z.strictObject({ a: z.strictObject({ b: z.string() }) }), { a: { b: "", zzzzzz: 1 } }, ["b"])).toMatchObject({
      field: "a.zzzzzz",
      hint: "Known: b.",
    });
  });

  it("tells a missing field from a wrong one", () => {
    const schema = z.strictObject({ list: z.array(z.strictObject({ name: z.string().max(3) })) });
    expect(refuse(schema, { list: [{}] })).toMatchObject({ code: "field_missing", field: "list[0].name" });
    expect(refuse(schema, { list: [{ name: "long" }] })).toMatchObject({ code: "field_invalid", field: "list[0].name" });
    expect(refuse(schema, [])).toMatchObject({ code: "field_invalid", detail: expect.stringContaining("The body") });
  });

  it("says what would have been taken", () => {
    const schema = z.strictObject({
      a: z.int().min(1).max(5).optional(),
      b: z.enum(["x", "y"]).optional(),
      c: z.array(z.string().max(3)).max(1).optional(),
      d: z.string().regex(/^x/).optional(),
    });
    const hint = (input: unknown): string | undefined => refuse(schema, input).hint;
    expect(hint([])).toBe("Give an object.");
    expect(hint({ a: "1" })).toBe("Give a number.");
    expect(hint({ a: 1.5 })).toBe("Give an integer.");
    expect(hint({ a: 0 })).toBe("At least 1.");
    expect(hint({ a: 6 })).toBe("At most 5.");
    expect(hint({ b: "z" })).toBe("One of x, y.");
    expect(hint({ c: ["long"] })).toBe("At most 3 characters.");
    expect(hint({ c: ["a", "b"] })).toBe("At most 1 items.");
    expect(hint({ d: "y" })).toBe("What it takes is described at /api/docs.");
  });

  it("API 27: an environment name that is none has its own code", () => {
    const schema = z.strictObject({ env: z.record(z.string().regex(/^[A-Z]+$/), z.string()) });
    expect(refuse(schema, { env: { "A=B": "x" } })).toMatchObject({ code: "env_name_invalid", field: "env.A=B" });
  });
});
