import { describe, expect, test } from "vitest";
import { fail } from "@maestro/shared/errors";
import { asProblem, exitFor, renderProblem, ServerRefusal } from "./failure.ts";
import { renderFields, renderTable } from "./table.ts";
import { duration, relativeTime } from "./time.ts";
import { cut, displayWidth } from "./width.ts";

const rows = [
  { name: "build", note: "\u001b[31mred\u202e", id: "1" },
  { name: "日本", note: "", id: "2" },
];
const columns = [
  { header: "name", value: (row: (typeof rows)[number]) => row.name },
  { header: "note", value: (row: (typeof rows)[number]) => row.note, max: 30 },
  { header: "id", value: (row: (typeof rows)[number]) => row.id, detail: true as const },
];

describe("tables", () => {
  test("are aligned by what is seen, under upper-case headers, and escape what could act", () => {
    expect(renderTable(rows, columns, { verbose: false })).toEqual(["NAME   NOTE", "build  \\u{1b}[31mred\\u{202e}", "日本   -"]);
  });

  test("show all columns with --verbose", () => {
    expect(renderTable(rows, columns, { verbose: true })[0]).toMatch(/^NAME {3}NOTE {2,}ID$/);
  });

  test("of one thing leave out what is not known", () => {
    expect(
      renderFields([
        ["name", "a\u0007"],
        ["gone", undefined],
        ["id", "x"],
      ]),
    ).toEqual(["name  a\\u{7}", "id    x"]);
  });
});

describe("texts", () => {
  test("are measured and cut in columns", () => {
    expect(displayWidth("a日🎉")).toBe(5);
    expect(cut("日本語", 5)).toBe("日本…");
    expect(cut("short", 5)).toBe("short");
  });

  test.each([
    [undefined, "never"],
    ["nonsense", "unknown"],
    ["2026-01-01T00:00:00.000Z", "now"],
    ["2025-12-31T23:59:18.000Z", "42s ago"],
    ["2025-12-31T21:00:00.000Z", "3h ago"],
    ["2025-12-01T00:00:00.000Z", "31d ago"],
    ["2026-01-01T00:10:00.000Z", "in 10m"],
  ])("%s is %s", (iso, expected) => {
    expect(relativeTime(iso, Date.parse("2026-01-01T00:00:00.000Z"))).toBe(expected);
  });
});

test.each([
  [0, "0s"],
  [40, "0.1s"],
  [400, "0.4s"],
  [42_400, "42s"],
  [59_700, "1m 00s"],
  [192_000, "3m 12s"],
  [3_725_000, "1h 02m"],
])("%i ms are %s", (ms, shown) => {
  expect(duration(ms)).toBe(shown);
});

describe("failures", () => {
  test("tell what, what next and which request, without what could act on the terminal", () => {
    const refusal = new ServerRefusal({
      type: "/problems/x",
      title: "X",
      status: 409,
      code: "agent_exists",
      detail: "Agent 'a\u001b]0;x' exists.",
      hint: "Use --name.",
      requestId: "req_1",
    });
    expect(renderProblem(asProblem(refusal), false)).toBe(
      "maestro: Agent 'a\\u{1b}]0;x' exists. (agent_exists)\n  Use --name.\n  request req_1",
    );
  });

  test("are the problem itself with --json", () => {
    const problem = asProblem(fail("flag_invalid", "no", { field: "port" }));
    expect(JSON.parse(renderProblem(problem, true))).toEqual({
      error: { type: "/problems/flag_invalid", title: "Flag invalid", status: 400, code: "flag_invalid", detail: "no", field: "port" },
    });
  });

  test.each([
    ["host_not_found", 404, 9],
    ["policy_denied", 403, 11],
    ["code_of_tomorrow", 409, 10],
    ["code_of_tomorrow", 403, 4],
    ["code_of_tomorrow", 500, 1],
  ])("%s with status %i exits %i", (code, status, exit) => {
    expect(exitFor({ type: "", title: "", status, code, detail: "" })).toBe(exit);
  });
});
