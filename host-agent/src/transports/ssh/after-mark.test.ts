/** What comes before a script's own words, however much of it there is. */
import { expect, test } from "vitest";
import { AfterMark } from "./after-mark.ts";

const mark = Buffer.from("maestro-0123 ");

test.each([1, 5, 1000])("in pieces of %i bytes: what comes before the mark is noise, and what comes behind it counts", (size) => {
  const after = new AfterMark(mark);
  const all = Buffer.from("Welcome.\nmaestro-0123 42\nits own words\nmaestro-0123 43\n");
  let counts = "";
  for (let at = 0; at < all.length; at += size) counts += after.push(all.subarray(at, at + size)).toString();
  expect(counts).toBe("its own words\nmaestro-0123 43\n");
  expect(after.pid).toBe(42);
  expect(after.noise).toBe("Welcome.");
});

test("what goes on without a mark is not gathered, and is too much", { timeout: 10_000 }, () => {
  const after = new AfterMark(mark);
  const chunk = Buffer.alloc(64 * 1024, "x");
  for (let i = 0; i < 1_000; i++) expect(after.push(chunk).length).toBe(0);
  expect(after.tooMuch).toBe(true);
  expect(after.noise).toBe("x".repeat(1024));
  expect(after.push(Buffer.from("maestro-0123 42\nrest")).toString()).toBe("rest");
});
