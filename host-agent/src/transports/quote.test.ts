import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../holder/testing/random.ts";
import { quote, quoteAssignment, quoteCommand, quoteDirectory } from "./quote.ts";

test.each([
  ["", "''"],
  ["it's", "'it'\\''s'"],
  ["'quoted'", "''\\''quoted'\\'''"],
  ["$HOME", "'$HOME'"],
  ["${PATH}", "'${PATH}'"],
  ["$(whoami)", "'$(whoami)'"],
  ["`whoami`", "'`whoami`'"],
  ["a;b", "'a;b'"],
  ["a|b", "'a|b'"],
  ["a&&b", "'a&&b'"],
  ["a>b", "'a>b'"],
  ["a\nb", "'a\nb'"],
  ["a\tb", "'a\tb'"],
])("[SSH19] %j is quoted as %s", (word, quoted) => expect(quote(word)).toBe(quoted));

const home = "/home/user";
test.each([
  [{ argv: ["ls"] }, "ls"],
  [{ argv: ["ls"], env: {} }, "ls"],
  [
    { argv: ["claude", "--print", "hello"], cwd: `${home}/project`, env: { A: "x", B: "y" } },
    "cd '/home/user/project' && A='x' B='y' claude '--print' 'hello'",
  ],
  [{ argv: ["claude"], cwd: `${home}/project's name` }, "cd '/home/user/project'\\''s name' && claude"],
  [{ argv: ["ls"], cwd: "/srv; rm -rf /" }, "cd '/srv; rm -rf /' && ls"],
  [{ argv: ["echo", "hello; rm -rf /", "$(whoami)"] }, "echo 'hello; rm -rf /' '$(whoami)'"],
  [{ argv: ["ls"], env: { K: "key'with'quotes" } }, "K='key'\\''with'\\''quotes' ls"],
  [{ argv: ["ls"], cwd: "~/my app" }, "cd \"$HOME\"/'my app' && ls"],
  [{ argv: ["/opt/my tool/bin"] }, "'/opt/my tool/bin'"],
  [{ argv: ["A=b", "c"] }, "'A=b' 'c'"],
  [{ argv: ["while", "c"] }, "'while' 'c'"],
] as const)("[SSH19] %j is %s", (command, expected) =>
  expect(quoteCommand(command as unknown as Parameters<typeof quoteCommand>[0])).toBe(expected),
);

const SHELLS = ["sh", "bash", "busybox"].filter((shell) => spawnSync(shell, ["--help"]).error === undefined);
const run = (shell: string, script: string, env: Record<string, string> = {}) =>
  execFileSync(shell, shell === "busybox" ? ["sh"] : ["-s"], {
    input: script,
    env: { PATH: "/usr/bin:/bin", ...env },
    maxBuffer: 1 << 28,
  });

test("a directory below the home is entered, whatever it is called", () => {
  const directory = mkdtempSync(join(tmpdir(), "it's $HOME; "));
  for (const path of ["~", "~/", "~/a b", "~/-x", directory]) {
    const script = `mkdir -p ${quoteDirectory(path)} && cd ${quoteDirectory(path)} && pwd -P`;
    const expected = path.startsWith("~") ? join(directory, path.slice(2)).replace(/\/$/, "") : directory;
    expect(run("sh", script, { HOME: directory }).toString().trimEnd()).toBe(expected);
  }
  expect(run("sh", `cd ${quote(directory)} && mkdir -p -- -x && cd ${quoteDirectory("-x")} && pwd -P`).toString()).toBe(
    `${directory}/-x\n`,
  );
  rmSync(directory, { recursive: true, force: true });
});

const ALPHABET = [..."'\"`$\\!*?[]{}()<>|&;#~=%^-+ \t\n\r\u0001\u007f", "é", "😀", "\u202e", "a", "Z", "0", "$(id)", "${IFS}", "''", "--"];

// MAESTRO_QUOTE_WORDS: more of them than a round of the tests has time for.
test("[SEC2] random words come through real shells as they are, as arguments and as variables", { timeout: 1_200_000 }, () => {
  const seed = Number(process.env["MAESTRO_SEED"] ?? 20_261_129);
  const total = Number(process.env["MAESTRO_QUOTE_WORDS"] ?? 20_000);
  const random = seededRandom(seed);
  const word = (): string =>
    Array.from({ length: Math.floor(random() * 12) }, () => ALPHABET[Math.floor(random() * ALPHABET.length)] ?? "").join("");
  expect(SHELLS).toContain("sh");
  for (let done = 0; done < total; done += 1000) {
    const words = Array.from({ length: 1000 }, word);
    const script = words.map((text, i) =>
      i % 2 === 0 ? `printf '%s\\0' ${quote(text)}` : `${quoteAssignment("V", text)}; printf '%s\\0' "$V"`,
    );
    const got = run(SHELLS[(done / 1000) % SHELLS.length] ?? "sh", script.join("\n"));
    expect(got.equals(Buffer.from(`${words.join("\0")}\0`)), `seed ${seed}, words from ${done}`).toBe(true);
  }
});
