import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../holder/testing/random.ts";
import { evaluate } from "./evaluate.ts";
import { glob } from "./glob.ts";
import { targetOf } from "./target.ts";
import { readLine, splitWords } from "./words.ts";

test.each([
  ["a b", ["a", "b"]],
  ["  a\t b ", ["a", "b"]],
  ['"a b" c', ["a b", "c"]],
  ["'a \"b' c", ['a "b', "c"]],
  ['a"b c"d', ["ab cd"]],
  ["a\\ b", ["a b"]],
  ['"a\\ b"', ["a\\ b"]],
  ['a\\"b', ['a"b']],
  ["a\\nb", ["a\\nb"]],
  ["a # b", ["a"]],
  ["a#b", ["a#b"]],
  ['"" b', ["", "b"]],
  ["", []],
  ['"a', undefined],
])("the words of %j are %j", (text, words) => expect(splitWords(text)).toEqual(words));

test.each([
  ["Port 22", "port", "22"],
  ["PORT=22", "port", "22"],
  ["Port = 22", "port", "22"],
  ["Port\t22\r", "port", "22"],
  ["ProxyCommand=nc -x a=b %h", "proxycommand", "nc -x a=b %h"],
  ["Host", "host", ""],
])("%j is a keyword and the rest", (text, keyword, rest) => expect(readLine(text, "f", 1)).toMatchObject({ keyword, rest }));

test.each(["", "   ", "# a", "   # Host b"])("%j is no line", (text) => expect(readLine(text, "f", 1)).toBeUndefined());

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), "glob-"))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("what Include finds is in lexical order, with nothing hidden but where the pattern says so", async () => {
  for (const name of ["b.d", "a.d", ".h.d"]) {
    mkdirSync(join(directory, name));
    for (const file of ["2.conf", "1.conf", "10.conf", ".x.conf", "[a].conf", "x+conf"]) writeFileSync(join(directory, name, file), "");
  }
  const found = async (pattern: string) => (await glob(join(directory, pattern))).map((path) => path.slice(directory.length + 1));
  expect(await found("?.d/?.conf")).toEqual(["a.d/1.conf", "a.d/2.conf", "b.d/1.conf", "b.d/2.conf"]);
  expect(await found("a.d/[0-9]*.conf")).toEqual(["a.d/1.conf", "a.d/10.conf", "a.d/2.conf"]);
  expect(await found("a.d/[!12]*.conf")).toEqual(["a.d/[a].conf"]);
  expect(await found("a.d/[[]a].conf")).toEqual(["a.d/[a].conf"]);
  expect(await found(".h*/.*.conf")).toEqual([".h.d/.x.conf"]);
  expect(await found("a.d/x+conf")).toEqual(["a.d/x+conf"]);
  expect(await found("a.d/none.conf")).toEqual([]);
  expect(await found("none/*")).toEqual([]);
  expect(await found("a.d/[z-a]")).toEqual([]);
  expect(await found("a.d/1.conf/*")).toEqual([]);
});

test("whatever a file holds, it is settings or an error", async () => {
  const seed = Number(process.env["MAESTRO_SEED"] ?? 20_261_129);
  const random = seededRandom(seed);
  const parts = [
    "Host",
    "Match",
    "all",
    "final",
    "exec",
    "host",
    "!",
    "=",
    '"',
    "'",
    "\\",
    "#",
    " ",
    "\t",
    "\n",
    "\n",
    "*",
    "?",
    "%h",
    "%",
    "${A}",
    "~/",
  ];
  const keywords = [
    "Port",
    "HostName",
    "User",
    "IdentityFile",
    "ProxyJump",
    "Ciphers",
    "ConnectTimeout",
    "none",
    "1",
    "gpu",
    "a,b",
    "\u0000",
    "é",
  ];
  const from = [...parts, ...keywords];
  const local = { name: "me", uid: 1, home: "/h", hostname: "l.example", env: { A: "%x" } };
  let usable = 0;
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: 30 }, () => from[Math.floor(random() * from.length)] ?? "").join(random() < 0.5 ? " " : "");
    const lines = text.split("\n").flatMap((line, index) => {
      const read = readLine(line, "f", index + 1);
      return read === undefined || read === "quotes" ? [] : [read];
    });
    const settings = await evaluate("gpu", [], lines, local, () => Promise.resolve(true));
    if (!settings.ok) {
      expect(settings.error.code, `seed ${seed}`).toBe("ssh_config_invalid");
      continue;
    }
    const target = targetOf("gpu", settings.value, undefined, local);
    if (target.ok) usable++;
    else expect(target.error.code, `seed ${seed}`).toBe("ssh_config_invalid");
  }
  expect(usable).toBeGreaterThan(500);
});
