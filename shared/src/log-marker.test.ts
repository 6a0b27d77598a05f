import { describe, expect, test } from "vitest";
import { formatGap, logOffsetAfter, omittedMarker, parseGap } from "./log-marker.ts";

describe("[LG2] where a reader is in a log whose middle was left out", () => {
  const gap = { from: 100, to: 900 };
  const marker = omittedMarker(gap).length;

  test("[LG2] before, within and behind the marker", () => {
    expect(logOffsetAfter(40, gap, 0)).toBe(40);
    expect(logOffsetAfter(40, gap, 60)).toBe(100);
    expect(logOffsetAfter(40, gap, 61)).toBe(100);
    expect(logOffsetAfter(40, gap, 60 + marker - 1)).toBe(100);
    expect(logOffsetAfter(40, gap, 60 + marker)).toBe(900);
    expect(logOffsetAfter(40, gap, 60 + marker + 7)).toBe(907);
    expect(logOffsetAfter(40, undefined, 61)).toBe(101);
  });

  test("[LG2] the header reads back; anything else is no gap", () => {
    expect(parseGap(formatGap(gap))).toEqual(gap);
    expect([null, undefined, "", "5", "5-", "9-5", "5-5", "a-b", "-1-5"].map((text) => parseGap(text))).toEqual(Array(9).fill(undefined));
  });
});
