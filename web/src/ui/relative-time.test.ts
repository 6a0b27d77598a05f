import { describe, expect, it } from "vitest";
import { countdown, relativeTime } from "./relative-time.ts";

describe("times", () => {
  it("says how long ago in one unit", () => {
    expect(
      [0, 4_000, 5_000, 59_000, 60_000, 3_599_000, 3_600_000, 86_400_000 * 3].map((age) =>
        relativeTime(1_000_000_000 - age, 1_000_000_000),
      ),
    ).toEqual(["now", "now", "5s ago", "59s ago", "1m ago", "59m ago", "1h ago", "3d ago"]);
    expect(relativeTime(2_000, 1_000)).toBe("now");
  });

  it("counts down to zero and stays there", () => {
    expect([900_000, 61_000, 1, 0, -5_000, 3_723_000].map((left) => countdown(left, 0))).toEqual([
      "15:00",
      "1:01",
      "0:01",
      "0:00",
      "0:00",
      "1:02:03",
    ]);
  });
});
