import { describe, expect, it } from "vitest";
import { LineSplitter, MAX_LINE_BYTES, wholeLines } from "./line-splitter.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("lines out of bytes", () => {
  it("come whole, with their place, however the bytes were cut", () => {
    const log = bytes("first\nzwölf 漢字 🙂\n\nlast");
    for (let size = 1; size <= log.byteLength; size++) {
      const splitter = new LineSplitter(100);
      const lines = [];
      for (let at = 0; at < log.byteLength; at += size) lines.push(...splitter.push(log.subarray(at, at + size)));
      expect(lines.map(({ offset, text }) => [offset, text])).toEqual([
        [100, "first"],
        [106, "zwölf 漢字 🙂"],
        [125, ""],
      ]);
      expect(splitter.open()).toEqual({ offset: 126, bytes: 4, text: "last" });
    }
  });

  it("come in parts when they are too long, and no character is cut", () => {
    const log = bytes(`${"é".repeat(MAX_LINE_BYTES)}\nnext\n`);
    const lines = new LineSplitter(0).push(log);
    expect(lines.map((line) => line.text).join("")).toBe(`${"é".repeat(MAX_LINE_BYTES)}next`);
    expect(lines.every((line) => line.bytes <= MAX_LINE_BYTES + 1)).toBe(true);
    let next = 0;
    for (const line of lines) {
      expect(line.offset).toBe(next);
      next += line.bytes;
    }
    expect(next).toBe(log.byteLength);
  });

  it("live with what is no UTF-8", () => {
    const lines = new LineSplitter(0).push(
      new Uint8Array([0xff, 0xfe, 0x80, 10, ...Array.from({ length: 3 * MAX_LINE_BYTES }, () => 0x80), 10]),
    );
    expect(lines[0]?.text).toBe("\ufffd\ufffd\ufffd");
    expect(lines.reduce((sum, line) => sum + line.bytes, 0)).toBe(3 * MAX_LINE_BYTES + 5);
  });

  it("of a piece leave out what began before it, unless it is the log's beginning", () => {
    expect(wholeLines(bytes("tail\na\nb\n"), 50).map(({ offset, text }) => [offset, text])).toEqual([
      [55, "a"],
      [57, "b"],
    ]);
    expect(wholeLines(bytes("head\na"), 0).map(({ text }) => text)).toEqual(["head", "a"]);
    expect(wholeLines(bytes("no newline"), 50)).toEqual([{ offset: 50, bytes: 10, text: "no newline" }]);
  });
});
