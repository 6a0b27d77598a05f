import { expect, test } from "vitest";
import { LogWindow } from "./log-window.ts";
import { TalkLines } from "./talk-lines.ts";

const said = (text: string): string =>
  JSON.stringify({ type: "assistant", session_id: "s", uuid: "u", message: { content: [{ type: "text", text }] } });
const hook = JSON.stringify({ type: "system", subtype: "hook", session_id: "s", uuid: "u" });

function reading() {
  const window = new LogWindow();
  const talk = new TalkLines();
  const shown = () => talk.of(window.lines()).map(({ text }) => text);
  const write = (text: string) => window.append(new TextEncoder().encode(text), window.end);
  return { window, talk, shown, write };
}

test("events are shown as what was said, with places in order; the rest as it is", () => {
  const { window, talk, shown, write } = reading();
  write(`plain\n${said("One\nTwö")}\n${hook}\n{"level":"info"}\nTRACE: [2026] step: ${said("Three")}\nlast`);
  expect(shown()).toEqual(["plain", "One", "Twö", '{"level":"info"}', "TRACE: [2026] step: Three", "last"]);
  const lines = talk.of(window.lines());
  const offsets = lines.map(({ offset }) => offset);
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  expect(new Set(offsets).size).toBe(offsets.length);
  // What was worked out is kept: the page draws the same rows.
  expect(talk.of(window.lines()).slice(0, 5)).toEqual(lines.slice(0, 5));
  expect(talk.of(window.lines())[1]).toBe(lines[1]);
});

test("an event is shown when it has ended, however long it is", () => {
  const { shown, write } = reading();
  const long = said(`begin${"x".repeat(40_000)}`);
  write(long.slice(0, 20_000));
  expect(shown().join("")).toBe(long.slice(0, 20_000));
  write(`${long.slice(20_000)}\nnext\n`);
  expect(shown()).toEqual([`begin${"x".repeat(40_000)}`, "next"]);
});

test("a log without events is the very lines", () => {
  const { window, talk, write } = reading();
  write('a\n{"b":1}\n{"c"\n');
  expect(talk.of(window.lines())).toBe(window.lines());
  expect(talk.found).toBe(false);
});
