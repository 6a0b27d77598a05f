import { describe, expect, test } from "vitest";
import { LOG_LIMITS, type LogLimits } from "./log-limits.ts";
import { cut, omittedOf, pieceAt, surplus, taken, trimmed, type Piece } from "./log-layout.ts";

const SMALL: LogLimits = { ...LOG_LIMITS, wholeBytes: 128, headBytes: 32, tailBytes: 96, chunkBytes: 16, smallBytes: 4 };

describe("[LG1] what becomes of bytes that come", () => {
  test.each([
    { title: "the next ones", offset: 10, bytes: 5, is: { type: "take", skip: 0, end: 5 } },
    { title: "some that are here already", offset: 7, bytes: 5, is: { type: "take", skip: 3, end: 5 } },
    { title: "only such as are here", offset: 5, bytes: 5, is: { type: "drop" } },
    { title: "none", offset: 10, bytes: 0, is: { type: "drop" } },
    { title: "after a gap", offset: 11, bytes: 5, is: { type: "need", from: 10 } },
  ])("[LG1] $title", ({ offset, bytes, is }) => expect(taken(10, undefined, offset, bytes)).toEqual(is));

  test("[LG2] what lies past the end of the log is no part of it", () => {
    expect(taken(10, 12, 10, 5)).toEqual({ type: "take", skip: 0, end: 2 });
    expect(taken(12, 12, 12, 5)).toEqual({ type: "drop" });
  });
});

describe("[LG1] pieces", () => {
  test("small ones are joined, up to a row's size", () => {
    expect(cut({ at: 0, bytes: 3 }, 3, 5, SMALL)).toEqual({ extends: true, sizes: [5] });
    expect(cut({ at: 0, bytes: 3 }, 3, 20, SMALL)).toEqual({ extends: true, sizes: [13, 7] });
    expect(cut({ at: 0, bytes: 4 }, 4, 5, SMALL)).toEqual({ extends: false, sizes: [5] });
    expect(cut(undefined, 0, 20, SMALL)).toEqual({ extends: false, sizes: [16, 4] });
  });

  test("[LG2] none reaches over the end of the head", () => {
    expect(cut({ at: 20, bytes: 5 }, 25, 20, SMALL)).toEqual({ extends: false, sizes: [7, 13] });
    expect(cut({ at: 30, bytes: 2 }, 32, 3, SMALL)).toEqual({ extends: false, sizes: [3] });
  });

  test("none joins one that it does not follow", () => {
    expect(cut({ at: 0, bytes: 3 }, 90, 5, SMALL)).toEqual({ extends: false, sizes: [5] });
  });

  test("found by a byte, in a gap the next one", () => {
    const pieces: Piece[] = [
      { at: 0, bytes: 16 },
      { at: 16, bytes: 4 },
      { at: 40, bytes: 8 },
    ];
    expect([0, 15, 16, 20, 39, 40, 47, 48].map((offset) => pieceAt(pieces, offset)?.at)).toEqual([0, 0, 16, 40, 40, 40, 40, undefined]);
  });
});

describe("[LG2] a log that is too long", () => {
  const pieces = (to: number): Piece[] => Array.from({ length: to / 16 }, (_, i) => ({ at: i * 16, bytes: 16 }));

  test("up to the limit all of it stays", () => expect(surplus(pieces(128), 128, SMALL)).toEqual([]));

  test("past it whole pieces between the head and the last bytes go", () => {
    expect(surplus(pieces(160), 160, SMALL).map(({ at }) => at)).toEqual([32, 48]);
    expect(surplus(pieces(144), 143, SMALL)).toEqual([]);
  });

  test("at the end the rest of the one in which the tail begins goes as well", () => {
    const kept = pieces(160).filter(({ at }) => at < 32 || at >= 64);
    expect(trimmed(kept, 165, SMALL)).toEqual({ piece: { at: 64, bytes: 16 }, drop: 5 });
    expect(trimmed(kept, 160, SMALL)).toBeUndefined();
    expect(trimmed(pieces(128), 128, SMALL)).toBeUndefined();
  });

  test("what is left out is one range, at the very end as well", () => {
    const kept = pieces(160).filter(({ at }) => at < 32 || at >= 64);
    expect(omittedOf(kept, 160)).toEqual({ from: 32, to: 64 });
    expect(omittedOf(pieces(32), 90)).toEqual({ from: 32, to: 90 });
    expect(omittedOf(pieces(32), 32)).toBeUndefined();
    expect(omittedOf([], 0)).toBeUndefined();
  });
});
