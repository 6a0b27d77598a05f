/** argv → command → exit code. The one edge where a refusal becomes text and a bug becomes one line. */
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { globalFlags } from "./args/globals.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { reportCrash } from "./crash.ts";
import { helpForAll, helpForOne } from "./help.ts";
import { Interrupted } from "./interrupted.ts";
import type { Io } from "./io.ts";
import { asProblem, exitFor, renderProblem, ServerRefusal } from "./render/failure.ts";
import { VERSION } from "./version.ts";

export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    return renderFailure(error, argv, io);
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const { lead, words } = leadOf(argv);
  const [first] = words;
  if (lead.includes("--version") || first === "version") {
    const { version, node } = { version: VERSION, node: process.versions.node };
    io.stdout.write(isJson(argv) ? `${JSON.stringify({ version, node })}\n` : `${version}\n`);
    return EXIT.ok;
  }
  if (first === "help") return help(words.slice(1), io);
  // A flag that is not known is told, not taken for the wish to read.
  if (lead.includes("--help") || lead.includes("-h") || argv.length === 0) return help(words, io);
  const found = findCommand(argv);
  if (found === undefined) throw unknownCommand(words);
  if (found.command.wantsHelp(found.rest)) {
    io.stdout.write(helpForOne(found.command));
    return EXIT.ok;
  }
  return found.command.execute(io, found.rest);
}

/** Flags of every command may stand before it, with their values. */
function leadOf(argv: readonly string[]): { lead: readonly string[]; words: readonly string[] } {
  let at = 0;
  for (let word = argv[at]; word?.startsWith("-") === true && word !== "--"; word = argv[at]) at += takesValue(word) ? 2 : 1;
  return { lead: argv.slice(0, at), words: argv.slice(at) };
}

const takesValue = (word: string): boolean =>
  Object.entries(globalFlags).some(([name, { arity }]) => arity !== "switch" && word === `--${name}`);

/** The longest name that words begin with; flags before it go on with those behind it, and come first: after `--` they would be the program's. */
export function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  const { lead, words } = leadOf(argv);
  for (const length of [3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command = COMMANDS.find((candidate) => candidate.name === name);
    if (command !== undefined) return { command, rest: [...lead, ...words.slice(length)] };
  }
  return undefined;
}

function help(words: readonly string[], io: Io): number {
  const wanted = leadOf(words).words.filter((word) => !word.startsWith("-"));
  if (wanted.length === 0) {
    io.stdout.write(helpForAll(COMMANDS));
    return EXIT.ok;
  }
  const found = findCommand(wanted);
  if (found !== undefined) {
    io.stdout.write(helpForOne(found.command));
    return EXIT.ok;
  }
  const group = COMMANDS.filter((command) => command.name.startsWith(`${wanted[0] ?? ""} `));
  if (group.length === 0) throw unknownCommand(wanted);
  io.stdout.write(helpForAll(group));
  return EXIT.ok;
}

function unknownCommand(argv: readonly string[]): MaestroFailure {
  const words = argv.filter((word) => !word.startsWith("-")).slice(0, 2);
  const typed = words.join(" ");
  const names = COMMANDS.filter((command) => command.group !== "internal").map((command) => command.name);
  const group = names.filter((name) => name.startsWith(`${words[0] ?? ""} `));
  const near = group.length > 0 && words[1] === undefined ? group : nearest(typed, names);
  const hint =
    near.length > 0
      ? `${group.length > 0 ? "There is" : "Did you mean"}: ${near
          .slice(0, 12)
          .map((name) => `maestro ${name}`)
          .join(", ")}`
      : "See: maestro help";
  return fail("command_unknown", typed === "" ? "No command was given." : `maestro has no command '${typed.slice(0, 64)}'.`, { hint });
}

/** Also where the flags could not be read: a script that asked for JSON gets it. */
function isJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  return own.some((word, i) => word === "--json" || word === "--format=json" || (word === "json" && own[i - 1] === "--format"));
}

function renderFailure(error: unknown, argv: readonly string[], io: Io): number {
  const json = isJson(argv);
  if (error instanceof MaestroFailure || error instanceof ServerRefusal) {
    const problem = asProblem(error);
    io.stderr.write(`${renderProblem(problem, json)}\n`);
    return exitFor(problem);
  }
  if (error instanceof Interrupted) {
    io.stderr.write(`${renderProblem(error.problem, json)}\n`);
    return error.exit;
  }
  io.stderr.write(`${renderProblem(reportCrash(error, io), json)}\n`);
  return EXIT.failure;
}
