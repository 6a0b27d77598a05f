import { describe, expect, it } from "vitest";
import { PLAIN, parseLine } from "./ansi.ts";
import { piecesOf } from "./log-pieces.ts";
import { LogSearch } from "./log-search.ts";
import { LogWindow } from "./log-window.ts";

const log = new LogWindow();
log.append(new TextEncoder().encode("Error one, error two\nfine\n\u001b[31merr\u001b[0mor three\n"), 0);
const lines = log.lines();

describe("searching a log", () => {
  it("finds without regard to case and across colours, and counts", () => {
    const search = new LogSearch("ERROR");
    expect(lines.map((line) => search.hits(line))).toEqual([[0, 11], [], [0]]);
    expect(search.count(lines)).toBe(3);
    expect(new LogSearch("").count(lines)).toBe(0);
    expect(new LogSearch("(.*)").count(lines)).toBe(0);
  });

  it("steps in both directions, around the end", () => {
    const search = new LogSearch("error");
    const seen = [];
    let at = search.step(lines, undefined, 1);
    for (let i = 0; i < 4; i++) {
      seen.push(at && search.ordinal(lines, at));
      at = search.step(lines, at, 1);
    }
    expect(seen).toEqual([1, 2, 3, 1]);
    expect(search.step(lines, undefined, -1)).toEqual({ line: 2, at: 0 });
    expect(search.step(lines, { line: 0, at: 11 }, -1)).toEqual({ line: 0, at: 0 });
    expect(search.step(lines, { line: 0, at: 0 }, -1)).toEqual({ line: 2, at: 0 });
    expect(new LogSearch("nowhere").step(lines, undefined, 1)).toBeUndefined();
    expect(search.step([], undefined, 1)).toBeUndefined();
  });

  it("a single match is its own next one", () => {
    const search = new LogSearch("fine");
    expect(search.step(lines, { line: 1, at: 0 }, 1)).toEqual({ line: 1, at: 0 });
  });

  it("cuts the spans where something was found, losing no character", () => {
    const spans = parseLine("a\u001b[31mbc\u001b[0mdef", PLAIN);
    const pieces = piecesOf(spans, [1, 5], 2);
    expect(pieces.map(({ text, hit }) => [text, hit])).toEqual([
      ["a", undefined],
      ["bc", 1],
      ["de", undefined],
      ["f", 5],
    ]);
    const across = piecesOf(spans, [2], 2);
    expect(across.map(({ text, hit }) => [text, hit])).toEqual([
      ["a", undefined],
      ["b", undefined],
      ["c", 2],
      ["d", 2],
      ["ef", undefined],
    ]);
    expect(across.map(({ pen }) => pen.fg)).toEqual([undefined, 1, 1, undefined, undefined]);
  });
});
