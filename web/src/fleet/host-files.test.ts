import { describe, expect, test } from "vitest";
import type { FileEntry } from "@maestro/shared/contract/host-files";
import { bytesText, isDirectory, joined, parentOf, shownText } from "./host-files.ts";

const entry = (more: Partial<FileEntry>): FileEntry => ({
  name: "x",
  kind: "file",
  size: 0,
  modifiedAt: "2026-01-01T00:00:00.000Z",
  mode: "0644",
  ...more,
});

describe("[SSH25] files of a host in the console", () => {
  test("a link to a directory is opened as one", () => {
    expect(isDirectory(entry({ kind: "directory" }))).toBe(true);
    expect(isDirectory(entry({ kind: "link", leads: "directory" }))).toBe(true);
    expect(isDirectory(entry({ kind: "link", leads: "nowhere" }))).toBe(false);
    expect(isDirectory(entry({}))).toBe(false);
  });

  test.each([
    ["/a/b", "/a"],
    ["/a/b/", "/a"],
    ["/a", "/"],
    ["/", undefined],
    ["~", undefined],
  ])("above %s is %s", (path, above) => expect(parentOf(path)).toBe(above));

  test("paths are joined once", () => {
    expect(joined("/", "a")).toBe("/a");
    expect(joined("/a", "b")).toBe("/a/b");
  });

  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [300 * 1024, "300 KiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
  ])("%i bytes are %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));

  test("what could mislead is spelt out, lines and tabs stay", () => {
    const shown = shownText("a\tb\r\nred \u001b[31m \u202e\n");
    expect(shown.split("\n")).toHaveLength(3);
    expect(shown).toContain("a\tb\n");
    expect(shown).not.toMatch(/[\u001b\u202e\r]/);
  });
});
