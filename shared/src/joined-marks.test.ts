import { describe, expect, it } from "vitest";
import { boundMarks, MOST_JOINED_MARKS } from "./joined-marks.ts";

const MARK = 0x301;
/** As xterm.js 6 has it: a mark takes the width of what it joins. */
const properties = boundMarks((codepoint, preceding) => (codepoint !== MARK ? 2 : preceding === 0 ? 0 : (preceding & 6) | 1));

describe("joined marks", () => {
  it("join as before up to the bound, then begin a cell of their own, which joins as many again", () => {
    let state = properties(97, 0);
    const cells = [1];
    for (let i = 0; i < 100; i++) {
      state = properties(MARK, state);
      expect((state >> 1) & 3).toBe(1);
      if ((state & 1) === 0) cells.push(0);
      cells[cells.length - 1] = (cells.at(-1) ?? 0) + 1;
    }
    expect(cells).toEqual([MOST_JOINED_MARKS + 1, MOST_JOINED_MARKS + 1, MOST_JOINED_MARKS + 1, 101 - 3 * (MOST_JOINED_MARKS + 1)]);
  });

  it("keep what is no mark, and a mark without anything before it", () => {
    expect(properties(97, 0)).toBe(2);
    expect(properties(MARK, 0)).toBe(0);
  });
});
