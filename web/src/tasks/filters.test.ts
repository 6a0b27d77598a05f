import { TASK_STATES } from "@maestro/shared/contract/tasks";
import { describe, expect, it } from "vitest";
import { apiQuery, filterOf, isFiltered, noFilter, searchOf, STATUS_GROUPS } from "./filters.ts";

describe("filters of the task list", () => {
  it("stand in the address and come back from it", () => {
    const filter = { status: "failed", agent: "acme-web-reviewer", host: "laptop", q: "flaky & slow" } as const;
    expect(searchOf(filter)).toBe("?status=failed&agent=acme-web-reviewer&host=laptop&q=flaky+%26+slow");
    expect(filterOf(searchOf(filter))).toEqual(filter);
    expect([searchOf(noFilter), isFiltered(noFilter), isFiltered(filter)]).toEqual(["", false, true]);
  });

  it("what is unknown or too long in the address is as if it were not there, or cut", () => {
    expect(filterOf("?status=exploded&page=3")).toEqual(noFilter);
    expect(filterOf(`?q=${"x".repeat(500)}&agent=${"y".repeat(500)}`)).toMatchObject({ q: "x".repeat(128), agent: "y".repeat(63) });
  });

  it("ask the API by states; every state has a place", () => {
    expect(apiQuery({ ...noFilter, status: "running", q: "  x " })).toEqual({ status: "offered,running,cancelling,unknown", q: "x" });
    expect(apiQuery(noFilter)).toEqual({});
    expect(Object.values(STATUS_GROUPS).flat().toSorted()).toEqual([...TASK_STATES].toSorted());
  });
});
