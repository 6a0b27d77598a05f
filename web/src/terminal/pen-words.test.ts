import type { Me } from "@maestro/shared/contract/resources";
import { describe, expect, it } from "vitest";
import { penWords, takenWords } from "./pen-words.ts";

const me = (role: "owner" | "viewer"): Me => ({
  fleet: { id: "flt_1", name: "fleet" },
  principal: { kind: "browser", id: "mem_1", name: "ada", role },
  scopes: [],
  server: { version: "1", protocol: { min: 1, max: 1 }, time: "2026-01-01T00:00:00Z" },
});
const watching = (writer: string | undefined, canWrite = true) => ({ canWrite, pen: { writer, you: false, viewers: 2 } });

describe("[VW2] the words of the pen", () => {
  it("say what taking it does to whoever writes, and to the size", () => {
    expect(penWords(watching("bob"), me("owner"))).toEqual({
      type: "watching",
      who: "bob writes",
      consequence: "bob then watches, at this window's size.",
    });
    expect(penWords(watching(undefined), me("owner"))).toMatchObject({
      who: "Nobody writes",
      consequence: "The session then takes this window's size.",
    });
    expect(penWords(watching("ada"), me("owner"))).toMatchObject({ who: "You write in another window" });
    // A token of the same member is another party.
    expect(penWords(watching("ada/ci"), me("owner"))).toMatchObject({ who: "ada/ci writes" });
  });

  it("offer nothing to who may not write, and say why", () => {
    expect(penWords(watching("bob", false), me("viewer"))).toMatchObject({
      type: "read-only",
      why: expect.stringContaining("Your role is viewer") as string,
    });
    // Another sign-in of the same member: this one cannot be the one that writes.
    expect(penWords(watching("ada", false), me("viewer"))).toMatchObject({ who: "ada writes" });
    expect(penWords(watching("bob", false), me("owner"))).toMatchObject({ type: "read-only", who: "bob writes" });
  });

  it("count who watches, and tell who was taken from by whom", () => {
    expect(penWords({ canWrite: true, pen: { writer: "ada", you: true, viewers: 3 } }, me("owner"))).toEqual({
      type: "writing",
      who: "2 watch",
    });
    expect(penWords({ canWrite: true, pen: { writer: "ada", you: true, viewers: 1 } }, me("owner"))).toEqual({ type: "writing", who: "" });
    expect(takenWords("bob\u202e\u0007", me("owner"))).toBe("bob has taken the pen.");
    expect(takenWords("ada", me("owner"))).toBe("Another window of yours has taken the pen.");
  });
});
