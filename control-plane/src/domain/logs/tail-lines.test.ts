import { describe, expect, test } from "vitest";
import { TailLines } from "./tail-lines.ts";

/** The text from where its last lines begin, looked at in blocks of this size. */
function tail(text: string, lines: number, block: number): string {
  const bytes = new TextEncoder().encode(text);
  const search = new TailLines(lines);
  for (let end = bytes.byteLength; end > 0; end -= block) {
    const start = Math.max(0, end - block);
    const found = search.before(bytes.subarray(start, end));
    if (found !== undefined) return text.slice(start + found);
  }
  return text;
}

describe("[LG3] the last lines", () => {
  test.each([1, 2, 3, 5, 100])("[LG3] in blocks of %i", (block) => {
    expect(tail("a\nb\nc\n", 1, block)).toBe("c\n");
    expect(tail("a\nb\nc", 1, block)).toBe("c");
    expect(tail("a\nb\nc\n", 2, block)).toBe("b\nc\n");
    expect(tail("a\nb\nc\n", 3, block)).toBe("a\nb\nc\n");
    expect(tail("a\nb\nc\n", 9, block)).toBe("a\nb\nc\n");
    expect(tail("\n\n\n", 2, block)).toBe("\n\n");
    expect(tail("", 2, block)).toBe("");
    expect(tail("one line", 1, block)).toBe("one line");
  });
});
