import { describe, expect, it } from "vitest";
import type { LogLine } from "./log-line.ts";
import { LogWindow } from "./log-window.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (lines: readonly LogLine[]): string[] => lines.map((line) => line.text);
const LIMITS = { keepBytes: 100, keepLines: 10, mostBytes: 400 };

describe("the kept part of a log", () => {
  it("[LG3] takes bytes by offset: what is here already is passed over", () => {
    const log = new LogWindow();
    log.append(bytes("one\ntw"), 0);
    expect(texts(log.lines())).toEqual(["one", "tw"]);
    log.append(bytes("\ntwo\nthree\n"), 3);
    log.append(bytes("one\n"), 0);
    expect(texts(log.lines())).toEqual(["one", "two", "three"]);
    expect([log.start, log.end]).toEqual([0, 14]);
  });

  it("goes on with a colour from line to line, also in the open one", () => {
    const log = new LogWindow();
    log.append(bytes("\u001b[31mred\nstill red"), 0);
    expect(log.lines().map((line) => line.spans[0]?.pen.fg)).toEqual([1, 1]);
  });

  it("[LG2] says where bytes are missing, and how many", () => {
    const log = new LogWindow();
    log.append(bytes("before\ncut in the mid"), 0);
    log.append(bytes("after\nmore\n"), 1_021);
    expect(log.lines().map(({ text, missing }) => [text, missing])).toEqual([
      ["before", 0],
      ["cut in the mid", 0],
      ["after", 1_000],
      ["more", 0],
    ]);
  });

  it("drops whole lines at the top when it has too many bytes, or too many lines", () => {
    const long = new LogWindow(LIMITS);
    for (let i = 0; i < 50; i++) long.append(bytes(`${"x".repeat(19)}\n`), i * 20);
    expect(long.end).toBe(1_000);
    expect(long.lines().length).toBeLessThanOrEqual(7);
    expect(long.lines()[0]?.offset).toBe(long.start);
    const many = new LogWindow({ ...LIMITS, keepBytes: 10_000 });
    for (let i = 0; i < 500; i++) many.append(bytes("\n"), i);
    expect(many.lines().length).toBeLessThanOrEqual(13);
    expect(many.start).toBe(500 - many.lines().length);
  });

  it("a flood in one piece leaves what the limit says", () => {
    const log = new LogWindow(LIMITS);
    log.append(bytes("0123456789\n".repeat(100_000)), 0);
    expect(log.lines().length).toBeLessThanOrEqual(10);
    expect(log.end).toBe(1_100_000);
  });

  it("grows upwards when it is asked to, and keeps that while it is followed", () => {
    const log = new LogWindow(LIMITS);
    const line = (i: number): string => `line ${String(i).padStart(4, "0")}\n`;
    log.begin(1_000);
    log.append(bytes(Array.from({ length: 10 }, (_, i) => line(100 + i)).join("")), 1_000);
    expect(log.prepend(bytes(`rtial\n${line(98)}${line(99)}`), 974)).toBe(true);
    expect(texts(log.lines()).slice(0, 3)).toEqual(["line 0098", "line 0099", "line 0100"]);
    expect(log.start).toBe(980);
    log.append(bytes(line(110)), 1_100);
    expect(texts(log.lines())[0]).toBe("line 0098");
  });

  it("stops growing at its bound", () => {
    const log = new LogWindow(LIMITS);
    log.append(bytes(`${"y".repeat(49)}\n`), 5_000);
    expect(log.canGrow).toBe(true);
    log.prepend(bytes(`\n${"z".repeat(348)}\n`), 4_650);
    expect([log.start, log.canGrow]).toEqual([4_651, true]);
    log.prepend(bytes("\n\n"), 4_649);
    expect([log.start, log.canGrow]).toEqual([4_650, false]);
  });
});
