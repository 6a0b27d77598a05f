import { describe, expect, test } from "vitest";
import { lives, resolveIn } from "./resolve.ts";

const session = (id: string, name: string, end?: object) => ({ id, name, ...(end === undefined ? {} : { end }) });
const find = (typed: string, items: ReturnType<typeof session>[]): string =>
  resolveIn("session", typed, items, "session_not_found", lives).id;

describe("what is typed for a thing", () => {
  test("a name that ended sessions had before means the living one", () => {
    const items = [session("ses_1old", "web", { reason: "killed" }), session("ses_2new", "web"), session("ses_3old", "web", {})];
    expect(find("web", items)).toBe("ses_2new");
  });
  test("of ended ones only, the one there is, or the ids to choose from", () => {
    expect(find("web", [session("ses_1old", "web", {})])).toBe("ses_1old");
    expect(() => find("web", [session("ses_1old", "web", {}), session("ses_2old", "web", {})])).toThrow("names 2 sessions");
  });
  test("a whole id is that thing, whatever others are named", () => {
    expect(find("ses_1", [session("ses_2", "ses_1"), session("ses_1", "mine")])).toBe("ses_1");
  });
  test("else a unique beginning of an id", () => {
    const items = [session("ses_1aa", "a"), session("ses_1ab", "b")];
    expect(find("ses_1aa", items)).toBe("ses_1aa");
    expect(find("ses_1ab", items)).toBe("ses_1ab");
    expect(() => find("ses_1", items)).toThrow("names 2 sessions");
  });
});
