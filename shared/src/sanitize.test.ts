import { expect, test } from "vitest";
import { escapeJson, escapeUnsafe, isSafeText, safeJson, stripUnsafe } from "./sanitize.ts";

const unsafe = [
  "\u0000",
  "\u0007",
  "\u001b",
  "\n",
  "\u007f",
  "\u009b",
  "\u00ad",
  "\u061c",
  "\u200b",
  "\u200e",
  "\u200f",
  "\u2028",
  "\u202a",
  "\u202e",
  "\u2066",
  "\u2069",
  "\ufeff",
  "\u{e0041}",
];

test.each(unsafe.map((char) => [char.codePointAt(0)?.toString(16) ?? "", char]))(
  "U+%s is taken out of a title and shown to a person",
  (hex, char) => {
    expect(stripUnsafe(`a${char}b`)).toBe("ab");
    expect(escapeUnsafe(`a${char}b`)).toBe(`a\\u{${hex}}b`);
    expect(isSafeText(`a${char}b`)).toBe(false);
  },
);

test("ordinary text of any script stays as it is", () => {
  for (const text of ["", "vim ~/src", "日本語", "Grüße", "👩‍💻".replaceAll("\u200d", ""), "עברית", "café"]) {
    expect(stripUnsafe(text)).toBe(text);
    expect(escapeUnsafe(text)).toBe(text);
    expect(isSafeText(text)).toBe(true);
  }
});

test("an escape sequence in a title loses what makes it one", () => {
  expect(stripUnsafe("\u001b]52;c;aGk=\u0007title")).toBe("]52;c;aGk=title");
});

test("a title has an end", () => {
  expect(stripUnsafe("x".repeat(10_000))).toHaveLength(256);
  expect(stripUnsafe(`${"\u200b".repeat(1000)}ok`)).toBe("ok");
});

test.each(unsafe.map((char) => [char.codePointAt(0)?.toString(16) ?? "", char]))(
  "U+%s in JSON is written as an escape, and read as it was",
  (_hex, char) => {
    const value = { [`a${char}`]: [char, "日本 👩‍💻"] };
    expect(isSafeText(safeJson(value))).toBe(true);
    expect(JSON.parse(safeJson(value))).toEqual(value);
  },
);

test("JSON that came with blanks and lines keeps them", () => {
  const text = '{\n\t"a": "\u009b\u{e0041}"\r\n}\n';
  expect(escapeJson(text)).toBe('{\n\t"a": "\\u009b\\udb40\\udc41"\r\n}\n');
});

test("ordinary JSON stays as it is", () => {
  expect(safeJson({ name: "日本", n: 1 })).toBe('{"name":"日本","n":1}');
});
