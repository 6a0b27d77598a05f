/** What docs/coverage.md says is shown by tests: each test that it names is there, under that title. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../scripts/command.ts";

const rows = readFileSync(join(ROOT, "docs/coverage.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| [A-Z]+\d+ \|/.test(line))
  .map((line) => line.slice(2, -2).split(" | "));
const NAMED = /`((?:control-plane|host-agent|shared|test|web)\/[^`]+)`|"((?:[^"\\]|\\.)*)"/g;

/** Titles stand behind the file that has them. */
function named(shown: string): { file: string; title: string }[] {
  let file = "";
  return [...shown.matchAll(NAMED)].flatMap(([, path, title]) => {
    file = path ?? file;
    return title === undefined || file === "" ? [] : [{ file, title: title.replaceAll('\\"', '"') }];
  });
}

test("each feature has one row, a state, and tests where it is said to be there", () => {
  expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length);
  expect(rows.length).toBe(128);
  const wrong = rows.filter(
    ([, , state = "", shown = ""]) =>
      !["yes", "partly", "later", "no"].includes(state) || (["yes", "partly"].includes(state) && named(shown).length === 0),
  );
  expect(wrong).toEqual([]);
});

test("each test that is named is there, under that title", () => {
  const absent = rows.flatMap(([id, , , shown = ""]) =>
    named(shown)
      .filter(({ file, title }) => {
        const text = readFileSync(join(ROOT, `${file}.test.ts`), "utf8").replaceAll("\\'", "'");
        return !['"', "'", "`"].some((quote) => text.includes(`${quote}${title}${quote}`));
      })
      .map(({ file, title }) => `${id}: ${file} "${title}"`),
  );
  expect(absent).toEqual([]);
});
