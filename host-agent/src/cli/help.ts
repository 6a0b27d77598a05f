/** `maestro help`: the whole table, or one command with usage, flags and two examples. */
import { isGlobal } from "./args/globals.ts";
import { flagUsage, usageLine } from "./args/parse.ts";
import type { FlagSpec } from "./args/spec.ts";
import type { Command, Group } from "./command.ts";
import { padEnd } from "./render/width.ts";

const TITLES: Record<Exclude<Group, "internal">, string> = {
  run: "Run",
  host: "Hosts",
  agent: "Agents",
  session: "Sessions",
  task: "Tasks",
  state: "State and secrets",
  monitor: "Events, tokens and audit",
};

export function helpForAll(commands: readonly Command[]): string {
  const shown = commands.filter((command) => command.group !== "internal");
  const width = Math.max(...shown.map(({ name }) => name.length));
  const lines = ["Maestro: mission control for AI coding agents on any number of machines.", "", "Usage: maestro <command> [flags]"];
  for (const [group, title] of Object.entries(TITLES)) {
    const own = shown.filter((command) => command.group === group);
    if (own.length > 0) lines.push("", title, ...own.map(({ name, summary }) => `  ${padEnd(name, width)}  ${summary}`));
  }
  lines.push("", "Every command: --json  --format json|table  -q  --profile <name>  --url <url>  --timeout <seconds>  --verbose  --yes");
  lines.push("maestro help <command> shows flags and examples. First time here? maestro up");
  return `${lines.join("\n")}\n`;
}

export function helpForOne({ grammar, summary, examples }: Command): string {
  const lines = [summary, "", `Usage: ${usageLine(grammar)}`];
  const params = Object.entries(grammar.params);
  if (params.length > 0) lines.push("", ...block(params.map(([name, { about }]) => [name, about])));
  const all = Object.entries(grammar.flags);
  const own = all.filter(([name, spec]) => !isGlobal(name, spec));
  if (own.length > 0) lines.push("", "Flags", ...block(own.map(([name, spec]) => [flagText(name, spec), spec.about])));
  lines.push(
    "",
    "Flags of every command",
    ...block(all.filter(([name, spec]) => isGlobal(name, spec)).map(([name, spec]) => [flagText(name, spec), spec.about])),
  );
  lines.push("", "Examples", ...examples.map((example) => `  ${example}`));
  return `${lines.join("\n")}\n`;
}

function flagText(name: string, spec: FlagSpec<unknown>): string {
  const usage = `${flagUsage(name, spec)}${spec.arity === "list" ? " …" : ""}`;
  return spec.short === undefined ? usage : `-${spec.short}, ${usage}`;
}

function block(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${padEnd(left, width)}  ${right}`);
}
