import { describe, expect, it } from "vitest";
import { resumeFrom } from "./resume.ts";

describe("[EV1] where a follower goes on", () => {
  const ring = { first: 5, last: 9 };
  it.each([
    ["nothing asked: from now on", undefined, { kind: "from", after: 9 }],
    ["the last one: nothing is missing", 9, { kind: "from", after: 9 }],
    ["one in the ring", 6, { kind: "from", after: 6 }],
    ["the one just before the ring: all of it follows", 4, { kind: "from", after: 4 }],
    ["one that left the ring", 3, { kind: "reset", after: 9 }],
    ["one of the future, from another life of the fleet", 10, { kind: "reset", after: 9 }],
  ])("%s", (_, seq, expected) => {
    expect(resumeFrom(ring, seq === undefined ? undefined : { seq })).toEqual(expected);
  });

  it("an unknown id is a reset, and an empty ring begins at zero", () => {
    expect(resumeFrom(ring, { seq: undefined })).toEqual({ kind: "reset", after: 9 });
    expect(resumeFrom({ first: 0, last: 0 }, { seq: 0 })).toEqual({ kind: "from", after: 0 });
  });
});
