import { maestroError } from "@maestro/shared/errors";
import { describe, expect, it } from "vitest";
import { pairProblems, pairsOf, recordOf, withRow } from "./pairs.ts";

const same = (a: string, b: string): boolean => a === b;

describe("pairs being typed", () => {
  it("become a record of the rows that are filled, in their order", () => {
    expect(recordOf(pairsOf({ B: "2", A: "1" }))).toEqual({ B: "2", A: "1" });
    expect(Object.keys(recordOf(pairsOf({ B: "2", A: "1" })))).toEqual(["B", "A"]);
    const rows = withRow(withRow([{ id: 4, name: " A ", value: " 1 " }]));
    expect(rows.map(({ id }) => id)).toEqual([4, 5, 6]);
    expect(recordOf(rows)).toEqual({ A: " 1 " });
    expect(Object.entries(recordOf([{ id: 0, name: "__proto__", value: "x" }]))).toEqual([["__proto__", "x"]]);
  });

  it("say at their rows what is wrong: no name, a name twice, or what the rules say", () => {
    const rows = [
      { id: 7, name: "A", value: "1" },
      { id: 8, name: "", value: "lost" },
      { id: 9, name: "", value: "" },
      { id: 10, name: "A ", value: "2" },
      { id: 11, name: "BAD", value: "" },
    ];
    const check = ({ name }: { name: string }) => (name === "BAD" ? maestroError("field_invalid", "No.") : undefined);
    const problems = pairProblems(rows, same, check);
    expect([...problems].map(([id, { code }]) => [id, code])).toEqual([
      [8, "field_missing"],
      [10, "field_invalid"],
      [11, "field_invalid"],
    ]);
    expect(problems.get(10)?.detail).toBe("A is given twice.");
  });
});
