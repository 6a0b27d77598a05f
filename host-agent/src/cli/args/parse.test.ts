import { describe, expect, test } from "vitest";
import { readFlags, readParams, scanArgs, usageLine, type Grammar } from "./parse.ts";
import { flag, param, type Flags, type Params } from "./spec.ts";

const flags = {
  host: flag.text("where", "host"),
  port: flag.integer("which", { min: 0, max: 65_535, example: 8080 }),
  tls: flag.choice("how", ["auto", "off"]),
  label: flag.pairs("labels"),
  tag: flag.list("tags", "tag"),
  force: flag.toggle("now", "f"),
};
const params = { name: param.required("the name"), more: param.optional("more") };
const grammar: Grammar<typeof flags, typeof params> = { name: "thing do", flags, params, conflicts: [["tls", "force"]], passthrough: true };

function parse(...argv: string[]) {
  const scanned = scanArgs(grammar, argv);
  if (!scanned.ok) return scanned;
  const read = readFlags(flags, scanned.value.texts);
  if (!read.ok) return read;
  const own = readParams(grammar, scanned.value.words);
  return own.ok ? { ok: true as const, value: { flags: read.value, params: own.value, passthrough: scanned.value.passthrough } } : own;
}

describe("argv", () => {
  test("flags take their value after a blank or an equals sign, and words keep their order", () => {
    expect(parse("a", "--host", "h1", "--port=80", "b", "--tag", "x", "--tag=y", "-f", "--label", "zone=eu=1")).toEqual({
      ok: true,
      value: {
        flags: { host: "h1", port: 80, tls: undefined, label: { zone: "eu=1" }, tag: ["x", "y"], force: true },
        params: { name: "a", more: "b" },
        passthrough: [],
      },
    });
  });

  test("after -- nothing is a flag", () => {
    expect(parse("a", "--", "--host", "-f")).toMatchObject({ ok: true, value: { passthrough: ["--host", "-f"] } });
  });

  test("a switch can be taken back, and the last value wins", () => {
    expect(parse("a", "--force=false", "--host", "x", "--host", "y")).toMatchObject({
      ok: true,
      value: { flags: { force: false, host: "y" } },
    });
  });

  test.each([
    [["a", "--port", "abc"], "flag_invalid", "port", "--port 8080"],
    [["a", "--port", "70000"], "flag_invalid", "port", "--port 8080"],
    [["a", "--port", "1e3"], "flag_invalid", "port", "--port 8080"],
    [["a", "--port", "-1"], "flag_invalid", "port", "--port 8080"],
    [["a", "--port"], "flag_invalid", "port", "--port n"],
    [["a", "--host", "--force"], "flag_invalid", "host", "--host host"],
    [["a", "--host="], "flag_invalid", "host", "--host host"],
    [["a", "--tls", "on"], "flag_invalid", "tls", "--tls auto"],
    [["a", "--label", "zone"], "flag_invalid", "label", "--label zone=eu"],
    [["a", "--force=maybe"], "flag_invalid", "force", "--force"],
    [["a", "--hots", "x"], "flag_unknown", "--hots", "--host"],
    [["a", "-x"], "flag_unknown", "-x", "maestro help thing do"],
    [["a", "--tls", "auto", "--force"], "conflicting_flags", "tls", "Give one"],
    [[], "usage", "name", "Usage: maestro thing do <name> [more]"],
    [["a", "b", "c"], "usage", undefined, "Usage:"],
  ])("%j is refused as %s", (argv, code, field, hint) => {
    const result = parse(...argv);
    expect(result).toMatchObject({ ok: false, error: { code, ...(field === undefined ? {} : { field }) } });
    if (!result.ok) expect(result.error.hint).toContain(hint);
  });

  test("a negative number is a value, out of range or not, and no flag", () => {
    expect(parse("a", "--host", "-1")).toMatchObject({ ok: true, value: { flags: { host: "-1" } } });
    expect(parse("a", "--port", "-1")).toMatchObject({ ok: false, error: { detail: expect.stringContaining("'-1'") } });
  });

  test("the usage line names parameters, flags and what follows --", () => {
    const any: Grammar<Flags, Params> = grammar;
    expect(usageLine(any)).toBe(
      "maestro thing do <name> [more] [--host host] [--port n] [--tls auto|off] [--label k=v]… [--tag tag]… [--force] [-- argv…]",
    );
  });
});
