import { describe, expect, it } from "vitest";
import { MAX_JSON_DEPTH } from "@maestro/shared/limits";
import { parseJson } from "./json.ts";

describe("JSON from outside", () => {
  it.each([
    ["{", "1:2", "unexpected end"],
    ["", "1:1", "unexpected end"],
    ['{"a":1,}', "1:8", 'unexpected "}"'],
    ['{\n "a": tru\n}', "2:7", 'unexpected "t"'],
    ["[1 2]", "1:4", 'unexpected "2"'],
    ["{'a':1}", "1:2", `unexpected "'"`],
    ['"a\nb"', "1:3", 'unexpected "\\n"'],
    ["01", "1:2", 'unexpected "1"'],
    ['{"a":1} x', "1:9", 'unexpected "x"'],
    ["nope", "1:1", 'unexpected "n"'],
  ])("%j is json_invalid at %s", (text, place, what) => {
    const read = parseJson(text);
    expect(read).toMatchObject({ ok: false, error: { code: "json_invalid" } });
    expect(read.ok ? "" : read.error.detail).toContain(`${what} at ${place}`);
  });

  it("takes exactly as many levels as allowed, whatever brackets strings hold", () => {
    const nested = (depth: number): string => "[".repeat(depth) + '"[[[[\\"{{"' + "]".repeat(depth);
    expect(parseJson(nested(MAX_JSON_DEPTH)).ok).toBe(true);
    expect(parseJson(nested(MAX_JSON_DEPTH + 1))).toMatchObject({ ok: false, error: { code: "json_too_deep" } });
    expect(parseJson("[".repeat(1_000_000))).toMatchObject({ ok: false, error: { code: "json_too_deep" } });
  });

  it("agrees with the engine on what is valid", () => {
    for (const text of ['{"a":[1,-2.5e3,true,null,"\\u00e9\\n"]}', " [ ] ", "{}", '"x"', "0"])
      expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });
});
