import { expect, test } from "vitest";
import { EndMark } from "./terminal-end.ts";

const MARK = "\u001B]7717;ses_one;3\u0007";
const text = "before \u001B]0;a title\u0007 \u001B] after";

test.each([1, 2, 3, 7, 1000])("in pieces of %i bytes: everything before it is shown, nothing behind it, and its code is read", (size) => {
  const mark = new EndMark("ses_one");
  const all = Buffer.from(`${text}${MARK}\u001B[2J gone`);
  let shown = "";
  for (let at = 0; at < all.length; at += size) shown += mark.push(all.subarray(at, at + size)).toString();
  expect(shown).toBe(text);
  expect(mark.end).toEqual({ type: "exited", code: 3 });
});

test.each(["gone", "", "1234", "-1"])("what is no exit code is an end that nobody knows: %s", (word) => {
  const mark = new EndMark("ses_one");
  mark.push(Buffer.from(`\u001B]7717;ses_one;${word}\u0007`));
  expect(mark.end).toEqual({ type: "gone" });
});

test("another session's mark is output like any other", () => {
  const mark = new EndMark("ses_one");
  const other = "\u001B]7717;ses_two;3\u0007.";
  expect(mark.push(Buffer.from(other)).toString()).toBe(other);
  expect(mark.end).toBeUndefined();
});

test("of a mark that was cut off with its connection nothing meets the next one", () => {
  const mark = new EndMark("ses_one");
  expect(mark.push(Buffer.from(`x${MARK.slice(0, 8)}`)).toString()).toBe("x");
  mark.restart();
  expect(mark.push(Buffer.from(`y${MARK}`)).toString()).toBe("y");
  expect(mark.end).toEqual({ type: "exited", code: 3 });
});

test("what begins like a mark and never ends as one is output like any other, and is not gathered", () => {
  const mark = new EndMark("ses_one");
  const start = "\u001B]7717;ses_one;";
  const flood = "x".repeat(100_000);
  expect(mark.push(Buffer.from(start)).toString()).toBe("");
  expect(mark.push(Buffer.from(flood)).toString()).toBe(start + flood);
  expect(mark.end).toBeUndefined();
  // A mark behind it counts.
  expect(mark.push(Buffer.from(`${start}${MARK}`)).toString()).toBe(start);
  expect(mark.end).toEqual({ type: "exited", code: 3 });
});
