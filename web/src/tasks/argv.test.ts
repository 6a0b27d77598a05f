import { describe, expect, it } from "vitest";
import { shellWord, splitArgv } from "./argv.ts";

describe("a command line", () => {
  it.each([
    ["npm test -- --run", ["npm", "test", "--", "--run"]],
    ["  a   b\t c ", ["a", "b", "c"]],
    [`sh -c 'echo "$HOME" | wc'`, ["sh", "-c", 'echo "$HOME" | wc']],
    [`echo "a \\"b\\" \\n"`, ["echo", 'a "b" \\n']],
    [`echo a\\ b '' ""`, ["echo", "a b", "", ""]],
    [`x"y"'z'`, ["xyz"]],
    ["echo $HOME *.ts", ["echo", "$HOME", "*.ts"]],
  ])("%s", (line, argv) => {
    expect(splitArgv(line)).toEqual({ ok: true, value: argv });
  });

  it("without a program, or with an open quote, is refused at its field", () => {
    expect(splitArgv("  ")).toMatchObject({ ok: false, error: { code: "field_missing", field: "command" } });
    expect(splitArgv("''")).toMatchObject({ ok: false, error: { code: "field_missing" } });
    expect(splitArgv("echo 'a")).toMatchObject({ ok: false, error: { code: "field_invalid", field: "command" } });
  });

  it("tells what looks like a shell's work", () => {
    expect(["a | b", "a && b", "a > f", "echo $HOME", "echo $(id)"].map((line) => shellWord(line.split(" ")))).toEqual([
      "|",
      "&&",
      ">",
      "$HOME",
      "$(id)",
    ]);
    expect(shellWord(["npm", "test", "--grep", "a|b"])).toBeUndefined();
  });
});
