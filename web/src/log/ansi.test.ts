import { describe, expect, it } from "vitest";
import { parseLine, penAfter, PLAIN, shownText, type Pen } from "./ansi.ts";

const text = (line: string): string => {
  const spans = parseLine(line, PLAIN)
    .map((span) => span.text)
    .join("");
  expect(shownText(line)).toBe(spans);
  return spans;
};
const shades = (line: string, pen: Pen = PLAIN): [string, Partial<Pen>][] =>
  parseLine(line, pen).map((span) => [
    span.text,
    Object.fromEntries(Object.entries(span.pen).filter(([, value]) => value !== undefined && value !== false)),
  ]);

describe("a line of a log", () => {
  it("has the sixteen colours, any others as the program named them, and attributes", () => {
    expect(shades("a\u001b[31mb\u001b[0mc")).toEqual([
      ["a", {}],
      ["b", { fg: 1 }],
      ["c", {}],
    ]);
    expect(shades("\u001b[1;4;94;41mx")).toEqual([["x", { bold: true, underline: true, fg: 12, bg: 1 }]]);
    expect(shades("\u001b[38;2;215;119;87mx")).toEqual([["x", { fg: "#d77757" }]]);
    expect(shades("\u001b[38:2::215:119:87mx\u001b[39;3my")).toEqual([
      ["x", { fg: "#d77757" }],
      ["y", { italic: true }],
    ]);
    expect(shades("\u001b[48;5;208mx\u001b[38;5;9my\u001b[38;5;240mz").map(([, pen]) => pen)).toEqual([
      { bg: "#ff8700" },
      { bg: "#ff8700", fg: 9 },
      { bg: "#ff8700", fg: "#585858" },
    ]);
    expect(shades("\u001b[7mx\u001b[27;9;2my\u001b[29;22mz")).toEqual([
      ["x", { inverse: true }],
      ["y", { strike: true, dim: true }],
      ["z", {}],
    ]);
  });

  it("goes on with the colour of the line before, until it is reset", () => {
    const pen = penAfter("\u001b[32mgreen", PLAIN);
    expect(shades("still", pen)).toEqual([["still", { fg: 2 }]]);
    expect(shades("\u001b[mplain", pen)).toEqual([["plain", {}]]);
    expect(penAfter("x \u001b[0m", pen)).toEqual(PLAIN);
    expect(penAfter("\u001b[1m \u001b[0m \u001b[4m", pen)).toEqual({ ...PLAIN, underline: true });
    expect(penAfter("nothing said", pen)).toBe(pen);
  });

  it.each([
    ["a title", "\u001b]0;evil\u0007shown"],
    ["a title, ended by ST", "\u001b]2;evil\u001b\\shown"],
    ["a hyperlink", "\u001b]8;;https://evil.example\u001b\\shown\u001b]8;;\u001b\\"],
    ["a write to the clipboard", "\u001b]52;c;ZXZpbA==\u0007shown"],
    ["DCS, APC, PM, SOS", "\u001bPevil\u001b\\\u001b_evil\u001b\\\u001b^evil\u001b\\\u001bXevil\u001b\\shown"],
    ["8-bit CSI and OSC", "\u009b31m\u009d0;evil\u009cshown"],
    ["cursor movements and clears", "\u001b[2J\u001b[1;1Hsho\u001b[Kwn\u001b[?25l"],
    ["private SGR-like sequences", "\u001b[>4;2m\u001b[?4mshown"],
    ["single escapes", "\u001bc\u001b(B\u001b7shown\u001b"],
    ["a CSI that is cut at the end", "shown\u001b[38;2"],
    ["control characters", "\u0000sh\u0008ow\u007fn\u0085"],
    ["what turns text around or hides it", "\u202esh\u200bow\u2066n\ufeff"],
  ])("loses %s", (_, line) => {
    expect(text(line)).toBe("shown");
  });

  it("loses a string without an end up to the end of the line, and no more", () => {
    expect(text("a\u001b]0;never ended, b")).toBe("a");
    expect(text("next")).toBe("next");
  });

  it("keeps tabs, and markup as the text that it is", () => {
    expect(text("a\tb <script>alert(1)</script> &amp;")).toBe("a\tb <script>alert(1)</script> &amp;");
  });

  it("shows the last state of a line that was written over, in its colour", () => {
    expect(text("10%\r55%\r100%")).toBe("100%");
    expect(text("whole line\r")).toBe("whole line");
    expect(shades("\u001b[33m10%\r55%")).toEqual([["55%", { fg: 3 }]]);
  });

  it("takes no longer than its length allows, whatever is in it", () => {
    const hostile = [
      "\u001b[".repeat(50_000),
      "\u001b]".repeat(50_000),
      `\u001b[${"1;".repeat(50_000)}`,
      "\u001b ".repeat(50_000),
      "\r".repeat(50_000),
    ];
    for (const line of hostile) {
      const startedMs = performance.now();
      parseLine(line, PLAIN);
      shownText(line);
      penAfter(line, PLAIN);
      expect(performance.now() - startedMs, JSON.stringify(line.slice(0, 6))).toBeLessThan(2_000);
    }
  });
});
