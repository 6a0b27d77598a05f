import { describe, expect, it, test } from "vitest";
import { MAX_STATE_VALUE_BYTES, STATE_TTL_MAX_S, STATE_TTL_S } from "@maestro/shared/limits";
import { checkTtl, checkValue, expectedVersion, utf8Bytes, versionConflict } from "./entry.ts";
import { checkKey, checkPrefix, checkWritable, resultKey } from "./keys.ts";

const code = (result: { ok: true } | { ok: false; error: { code: string } }): string => (result.ok ? "ok" : result.error.code);

describe("a state key", () => {
  it.each(["endpoint", "a", "_x", "team/a/endpoint", "task:t-1:result", "A.b:c/d@e+f-g_h", "x".repeat(256), "constructors", "a..b"])(
    "%s is one",
    (key) => {
      expect(code(checkKey(key))).toBe("ok");
    },
  );

  it.each([
    ["../x"],
    [""],
    ["x".repeat(257)],
    ["a/../b"],
    ["a//b"],
    ["a/"],
    ["/a"],
    ["."],
    ["a/."],
    ["a b"],
    ["a\u0000"],
    ["ключ"],
    ["a~"],
    ["-a"],
    ["a%2f"],
  ])("API 16: %j is none", (key) => {
    const checked = checkKey(key);
    expect(checked).toMatchObject({ ok: false, error: { code: "key_invalid", field: "key", hint: expect.stringContaining("256 bytes") } });
  });

  it.each(["__proto__", "constructor", "prototype", "a/__proto__", "a:constructor:b", "x.prototype"])("API 15: %s is reserved", (key) => {
    expect(checkKey(key)).toMatchObject({ ok: false, error: { code: "key_reserved", field: "key", hint: "Choose another name." } });
  });

  test("the result of a task is the Scheduler's to write, for whoever asks", () => {
    expect(code(checkKey(resultKey("t1")))).toBe("ok");
    for (const agent of [undefined, { task: "t1", name: "a" }]) expect(code(checkWritable(resultKey("t1"), agent))).toBe("key_reserved");
    expect(code(checkWritable("task:t1:results"))).toBe("ok");
    expect(code(checkWritable("task:t1:x:result"))).toBe("ok");
  });

  it.each([
    ["task:t1:progress", "ok"],
    ["agent:rev:notes", "ok"],
    ["shared:endpoint", "ok"],
    ["task:t1:", "agent_forbidden"],
    ["task:t10:x", "agent_forbidden"],
    ["task:t2:x", "agent_forbidden"],
    ["agent:revx:x", "agent_forbidden"],
    ["endpoint", "agent_forbidden"],
    ["__proto__", "key_reserved"],
  ])("an agent that writes %s: %s", (key, expected) => {
    expect(code(checkWritable(key, { task: "t1", name: "rev" }))).toBe(expected);
    expect(checkWritable("endpoint", { task: "t1", name: "rev" })).toMatchObject({
      error: { hint: "It writes keys that begin with task:t1:, agent:rev:, shared:." },
    });
  });

  it("begins with a prefix that could begin one", () => {
    expect(checkPrefix("")).toMatchObject({ ok: true });
    expect(checkPrefix("task:")).toMatchObject({ ok: true });
    expect(checkPrefix("a/")).toMatchObject({ ok: true });
    expect(checkPrefix("../")).toMatchObject({ ok: false, error: { code: "key_invalid", field: "prefix" } });
  });
});

describe("an entry", () => {
  it("lives 24 h unless it is told otherwise", () => {
    expect(checkTtl(undefined)).toEqual({ ok: true, value: STATE_TTL_S });
    expect(checkTtl("none")).toEqual({ ok: true, value: undefined });
    for (const ttl of [1, 1.5, STATE_TTL_MAX_S]) expect(checkTtl(ttl)).toEqual({ ok: true, value: ttl });
  });

  it.each([-1, 0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e18, STATE_TTL_MAX_S + 1])("API 17: does not live %s s", (ttl) => {
    expect(checkTtl(ttl)).toMatchObject({
      ok: false,
      error: { code: "ttl_out_of_range", field: "ttl", hint: expect.stringContaining("From 1 s to 365 d") },
    });
  });

  it("API 18: is at most 64 KiB of UTF-8", () => {
    expect(checkValue("é".repeat(MAX_STATE_VALUE_BYTES / 2))).toEqual({ ok: true, value: MAX_STATE_VALUE_BYTES });
    expect(checkValue(`${"é".repeat(MAX_STATE_VALUE_BYTES / 2)}x`)).toMatchObject({
      ok: false,
      error: { code: "value_too_large", field: "value" },
    });
    expect(checkValue("a\0b")).toMatchObject({ ok: false, error: { code: "nul_byte", field: "value" } });
    expect(["a", "é", "€", "😀", "\ud800"].map(utf8Bytes)).toEqual([1, 2, 3, 4, 3]);
  });

  it.each([
    [undefined, undefined, undefined],
    [3, undefined, 3],
    [undefined, "3", 3],
    [undefined, '"3"', 3],
    [undefined, 'W/"3"', 3],
    [undefined, "0", 0],
    [3, "3", 3],
  ])("is expected at the version of the body (%s) or of If-Match (%s)", (inBody, ifMatch, expected) => {
    expect(expectedVersion(inBody, ifMatch)).toEqual({ ok: true, value: expected });
  });

  it.each([
    [undefined, "*", "if-match"],
    [undefined, "03", "if-match"],
    [undefined, "-1", "if-match"],
    [2, "3", "ifVersion"],
  ])("is expected at one version: not (%s) and If-Match %s", (inBody, ifMatch, field) => {
    expect(expectedVersion(inBody, ifMatch)).toMatchObject({ ok: false, error: { code: "field_invalid", field } });
  });

  it("says which version is there when it is another", () => {
    expect(versionConflict("k", 2, undefined)).toBeUndefined();
    expect(versionConflict("k", 2, 2)).toBeUndefined();
    expect(versionConflict("k", 2, 1)).toMatchObject({
      code: "version_conflict",
      detail: "'k' is at version 2, not at 1.",
      extra: { version: 2 },
    });
    expect(versionConflict("k", 2, 0)).toMatchObject({ detail: "'k' is at version 2, not absent." });
    expect(versionConflict("k", 0, 1)).toMatchObject({ detail: "'k' is not there, not at 1." });
  });
});
