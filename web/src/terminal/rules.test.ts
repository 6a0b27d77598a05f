import { describe, expect, it } from "vitest";
import { clipboardRequest, MAX_CLIPBOARD_BYTES } from "./clipboard-rule.ts";
import { linkPolicy } from "./link-policy.ts";
import { MAX_PASTE_CHARS, pasteRule } from "./paste-rule.ts";

describe("paste", () => {
  it("one line goes through, several ask first, whatever their line ends", () => {
    expect(pasteRule("ls -l")).toEqual({ text: "ls -l", lines: 1, confirm: false, removed: 0 });
    for (const text of ["a\nb", "a\r\nb", "a\rb", "rm -rf x\n"]) expect(pasteRule(text)).toMatchObject({ lines: 2, confirm: true });
  });

  it("cannot end a bracketed paste or carry control characters", () => {
    expect(pasteRule("a\u001b[201~\u0003b\u009b\tc")).toEqual({ text: "a[201~b\tc", lines: 1, confirm: false, removed: 3 });
  });

  it("is bounded", () => {
    expect(pasteRule("x".repeat(MAX_PASTE_CHARS + 1))).toEqual({ tooLong: MAX_PASTE_CHARS + 1 });
  });
});

describe("links", () => {
  it("http and https ask with the whole address, in ASCII", () => {
    expect(linkPolicy("https://example.org/a?b#c")).toEqual({
      type: "ask",
      href: "https://example.org/a?b#c",
      host: "example.org",
      shown: "https://example.org/a?b#c",
    });
    expect(linkPolicy("https://раypal.com/")).toMatchObject({ type: "ask", host: "xn--ypal-43d9g.com" });
  });

  it("anything else is refused", () => {
    for (const uri of [
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///etc/passwd",
      "vscode://x",
      "ftp://x/",
      "blob:https://x/1",
      "//x",
      "",
      "https://bank.example@evil.example/",
    ]) {
      expect(linkPolicy(uri).type, uri).toBe("refuse");
    }
    expect(linkPolicy(`https://x/${"a".repeat(3000)}`).type).toBe("refuse");
  });

  it("what is shown holds no invisible or reordering character", () => {
    expect(linkPolicy("javascript:\u202ealert").shown).toBe("javascript:\\u{202e}alert");
  });
});

describe("OSC 52", () => {
  it("a question about the clipboard is refused", () => {
    for (const data of ["c;?", "p;?", ";", "c;", "?", "c;***"]) expect(clipboardRequest(data), data).toEqual({ type: "refused" });
  });

  it("a write is an offer of at most 64 KiB", () => {
    expect(clipboardRequest(`c;${btoa("hello\u001b")}`)).toEqual({ type: "offer", text: "hello\u001b", preview: "hello\\u{1b}" });
    expect(clipboardRequest(`c;${btoa("x".repeat(MAX_CLIPBOARD_BYTES))}`).type).toBe("offer");
    expect(clipboardRequest(`c;${btoa("x".repeat(MAX_CLIPBOARD_BYTES + 1))}`).type).toBe("too-large");
  });
});
