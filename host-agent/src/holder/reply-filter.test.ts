import { expect, test } from "vitest";
import { ReplyFilter } from "./reply-filter.ts";

const strip = (filter: ReplyFilter, text: string): string => Buffer.from(filter.strip(Buffer.from(text, "latin1"))).toString("latin1");

test("[VW2] an answer that tmux has given already goes no further, once", () => {
  const filter = new ReplyFilter(() => 0);
  filter.expect("\x1b[?1;2c");
  filter.expect("\x1b[4;1R");
  expect(strip(filter, "\x1b[4;1R\x1b[?1;2cx")).toBe("x");
  expect(strip(filter, "\x1b[4;1R")).toBe("\x1b[4;1R");
});

test("[VW2] answers that tmux does not give, keys and text pass", () => {
  const filter = new ReplyFilter(() => 0);
  filter.expect("\x1b[?2026;2$y");
  filter.expect("\x1b]11;rgb:0000/0000/0000\x1b\\");
  filter.expect("\x1b[1;1R");
  for (const text of ["\x1b[?2026;2$y", "\x1b]11;rgb:0000/0000/0000\x1b\\", "\x1b[A", "a\x1b[1;1R", "ls\r"])
    expect(strip(filter, text)).toBe(text);
});

test("[VW2] an answer that nobody sent is forgotten: later it is a key", () => {
  let now = 0;
  const filter = new ReplyFilter(() => now);
  filter.expect("\x1b[1;2R");
  now = 5_001;
  expect(strip(filter, "\x1b[1;2R")).toBe("\x1b[1;2R");
});
