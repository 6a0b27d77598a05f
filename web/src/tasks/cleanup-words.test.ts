import { describe, expect, it } from "vitest";
import { unreachedHosts } from "@maestro/shared/contract/cleaned";
import type { CleanupResult } from "@maestro/shared/contract/tasks";
import { cleanedPlaces } from "./cleanup-words.ts";

const item = (part: Partial<CleanupResult["items"][number]>): CleanupResult["items"][number] => ({
  attempt: "att_1",
  host: "box",
  outcome: "removed",
  logKept: false,
  ...part,
});
const told = (...items: CleanupResult["items"]) => cleanedPlaces({ task: "tsk_1", items });

describe("what a clean-up did", () => {
  it("is told once for each place, with what was kept and why", () => {
    const shared = { workspace: "/w/one", host: "box" };
    expect(told(item({ ...shared, outcome: "absent" }), item({ ...shared, attempt: "att_2" }))).toMatchObject([
      { attempt: "att_2", label: "removed", place: "/w/one", host: "box", note: "" },
    ]);
    expect(told(item({ ...shared, outcome: "absent" }), item({ ...shared, attempt: "att_2", outcome: "absent" }))).toHaveLength(1);
    expect(told(item({ ...shared, outcome: "absent" }), item({ ...shared, host: "other" }))).toHaveLength(2);
    expect(told(item({ outcome: "kept", detail: "2 changed file(s) are not committed.", logKept: true }))).toMatchObject([
      { label: "kept", shade: "warn", place: "att_1", note: "2 changed file(s) are not committed. Its log stays on the host." },
    ]);
    expect(told(item({ workspace: "/w\u202e/x" }))).toMatchObject([{ place: "/w/x" }]);
  });

  it("names the hosts where it is to be done again", () => {
    const away = item({ outcome: "unreachable", host: "gpu", logKept: true, detail: "It is offline." });
    expect(told(away)).toMatchObject([{ label: "not reached", note: "It is offline." }]);
    expect(unreachedHosts([away, { ...away, attempt: "att_2" }, item({})])).toEqual(["gpu"]);
  });
});
