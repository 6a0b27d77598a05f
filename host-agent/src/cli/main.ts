/** argv → command → exit code. The one edge where a refusal becomes text and a bug becomes one line. */
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { reportCrash } from "./crash.ts";
import { helpForAll, helpForOne } from "./help.ts";
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
  const [first] = argv;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") return help(argv.slice(1), io);
  if (first === "--version" || first === "version") {
    io.stdout.write(argv.includes("--json") ? `${JSON.stringify({ version: VERSION, node: process.versions.node })}\n` : `${VERSION}\n`);
    return EXIT.ok;
  }
  const found = findCommand(argv);
  if (found === undefined) throw unknownCommand(argv);
  if (found.command.wantsHelp(found.rest)) {
    io.stdout.write(helpForOne(found.command));
    return EXIT.ok;
  }
  return found.command.execute(io, found.rest);
}

/** The longest name that begins argv; global switches before the command are moved behind it. */
export function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  const lead = argv.findIndex((word) => !word.startsWith("-"));
  if (lead === -1) return undefined;
  const words = argv.slice(lead);
  for (const length of [3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command = COMMANDS.find((candidate) => candidate.name === name);
    if (command !== undefined) return { command, rest: [...words.slice(length), ...argv.slice(0, lead)] };
  }
  return undefined;
}

function help(words: readonly string[], io: Io): number {
  const wanted = words.filter((word) => !word.startsWith("-"));
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

function renderFailure(error: unknown, argv: readonly string[], io: Io): number {
  const json = argv.includes("--json") || argv.includes("--format=json") || argv[argv.indexOf("--format") + 1] === "json";
  if (error instanceof MaestroFailure || error instanceof ServerRefusal) {
    const problem = asProblem(error);
    io.stderr.write(`${renderProblem(problem, json)}\n`);
    return exitFor(problem);
  }
  io.stderr.write(`${renderProblem(reportCrash(error, io), json)}\n`);
  return EXIT.failure;
}
