/** The table of commands: every one has help, and its examples are command lines that the parser takes. */
import { describe, expect, test } from "vitest";
import { globalFlags } from "./args/globals.ts";
import { readFlags, readParams, scanArgs } from "./args/parse.ts";
import { COMMANDS } from "./commands.ts";
import { helpForOne } from "./help.ts";
import { findCommand } from "./main.ts";

/** The words behind `maestro` in a line for a shell: quotes are undone, a substitution, a pipe or a redirection ends it. */
function wordsOf(line: string): string[] {
  const [, own = ""] = /(?:^|[\s(])maestro ([^>)|]*)/.exec(line) ?? [];
  return [...own.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? "");
}

describe.each(COMMANDS.map((command) => [command.name, command] as const))("%s", (name, command) => {
  test("has help with its usage, every flag of its own, and two examples", () => {
    const help = helpForOne(command);
    expect(help).toContain(`\nUsage: maestro ${name}`);
    for (const flag of Object.keys(command.grammar.flags)) expect(help).toContain(`--${flag}`);
    expect(command.examples).toHaveLength(2);
    for (const example of command.examples) expect(help).toContain(`\n  ${example}\n`);
  });

  test.each(command.examples.map((example) => [example]))("%s is taken as it stands", (example) => {
    const found = findCommand(wordsOf(example));
    // What maestro starts itself with shows people how that is done.
    if (command.group !== "internal") expect(found?.command.name).toBe(name);
    const { grammar } = found?.command ?? command;
    const scanned = scanArgs(grammar, found?.rest ?? []);
    expect(scanned).toMatchObject({ ok: true });
    if (!scanned.ok) return;
    expect(readFlags({ ...globalFlags, ...grammar.flags }, scanned.value.texts)).toMatchObject({ ok: true });
    expect(readParams(grammar, scanned.value.words)).toMatchObject({ ok: true });
  });
});
