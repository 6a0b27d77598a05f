/** What the documents promise exists: their links lead somewhere, and the commands they show are in the CLI. */
import { access, readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { COMMANDS } from "../host-agent/src/cli/commands.ts";
import { ROOT } from "../scripts/command.ts";
import { ERRORS } from "../shared/src/errors.ts";

interface Page {
  path: string;
  text: string;
}

let pages: Page[] = [];

beforeAll(async () => {
  const docs = await readdir(join(ROOT, "docs"), { recursive: true });
  const paths = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "shared/PROTOCOL.md",
    ...docs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name)),
  ];
  pages = await Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(ROOT, path), "utf8") })));
});

const anchors = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      (title ?? "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

test("every relative link of the documents leads to a file, and every anchor to a heading", async () => {
  const broken: string[] = [];
  for (const { path, text } of pages) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const found = file === "" ? path : normalize(join(dirname(path), file));
      const exists = await access(join(ROOT, found)).then(
        () => true,
        () => false,
      );
      const page = pages.find((one) => one.path === found);
      if (!exists || (anchor !== undefined && page !== undefined && !anchors(page.text).has(anchor))) broken.push(`${path}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

/** `maestro …` as the documents show it, in code only: prose may speak of Maestro as it likes. */
function shownCommands(text: string): string[] {
  const code = [...text.matchAll(/```(?:console|sh)\n([\s\S]*?)```|`([^`\n]+)`/g)].map(([, block, span]) => block ?? span ?? "");
  return code.flatMap((piece) =>
    piece
      .split("\n")
      .flatMap(withSubstitutions)
      .flatMap((line) => {
        const [, command] = /(?:^|\$ |pnpm@12 )maestro ([a-z][^#|;]*)/.exec(line) ?? [];
        const [, start] = /pnpm@12 start( [^#]*)?/.exec(line) ?? [];
        return [...(command === undefined ? [] : [command.trim()]), ...(start === undefined ? [] : [`up${start}`.trim()])];
      }),
  );
}

/** A line, and on lines of their own the commands it takes words from. */
function withSubstitutions(line: string): string[] {
  const inner = [...line.matchAll(/\$\(([^()]*)\)/g)].flatMap(([, command]) => command ?? []);
  return [line.replaceAll(/\$\([^()]*\)/g, "…"), ...inner];
}

test("every command and flag that the documents show is in the CLI", () => {
  const wrong: string[] = [];
  for (const { path, text } of pages) {
    for (const shown of shownCommands(text)) {
      const [own = ""] = shown.split(" -- ");
      const words = own.split(/\s+/);
      if (words[0] === "help" || words[0] === "…") continue;
      const command = COMMANDS.find(({ name }) => name === words.slice(0, 2).join(" ")) ?? COMMANDS.find(({ name }) => name === words[0]);
      const unknown =
        command === undefined
          ? []
          : [...own.matchAll(/--([a-z][\w-]*)/g)].flatMap(([, flag]) => (flag === undefined || flag in command.grammar.flags ? [] : flag));
      if (command === undefined || unknown.length > 0) wrong.push(`${path}: maestro ${shown}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("every error code in the troubleshooting table exists", () => {
  const operations = pages.find(({ path }) => path === join("docs", "operations.md"))?.text ?? "";
  const table = operations.slice(operations.indexOf("## Troubleshooting"));
  const codes = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? "").matchAll(/`(\w+)`/g)].flatMap(([, code]) => code ?? []),
  );
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
});
