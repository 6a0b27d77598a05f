/** A command: its grammar, its help and what it does. The table in `commands.ts` is made of these. */
import { MaestroFailure } from "@maestro/shared/errors";
import { globalFlags } from "./args/globals.ts";
import { conflict, readFlags, readParams, scanArgs, type Grammar } from "./args/parse.ts";
import type { FlagValues, Flags, Params, ParamValues } from "./args/spec.ts";
import { makeContext, type Context } from "./context.ts";
import type { Io } from "./io.ts";
import { unwrap } from "./unwrap.ts";

export type Group = "run" | "host" | "agent" | "session" | "task" | "state" | "monitor" | "internal";

export interface CommandSpec<F extends Flags, P extends Params> {
  group: Group;
  /** As typed, e.g. `host list`. */
  name: string;
  summary: string;
  flags: F;
  params: P;
  conflicts?: readonly (readonly string[])[];
  passthrough?: boolean;
  /** Two, whole command lines. */
  examples: readonly [string, string];
  run(context: Context, input: CommandInput<F, P>): Promise<number>;
}

export interface CommandInput<F extends Flags, P extends Params> {
  flags: FlagValues<F>;
  params: ParamValues<P>;
  passthrough: readonly string[];
}

export interface Command {
  group: Group;
  name: string;
  summary: string;
  grammar: Grammar<Flags, Params>;
  examples: readonly string[];
  /** Exit code. Refusals are thrown as MaestroFailure. */
  execute(io: Io, argv: readonly string[]): Promise<number>;
  wantsHelp(argv: readonly string[]): boolean;
}

export function defineCommand<F extends Flags, P extends Params>(spec: CommandSpec<F, P>): Command {
  const { name, params, conflicts = [], passthrough = false } = spec;
  const grammar: Grammar<Flags, P> = { name, flags: { ...globalFlags, ...spec.flags }, params, conflicts, passthrough };
  return {
    group: spec.group,
    name,
    summary: spec.summary,
    grammar,
    examples: spec.examples,
    async execute(io, argv) {
      const scanned = unwrap(scanArgs(grammar, argv));
      // What the command has a flag of its own for is no flag of every command here.
      const shared = new Map([...scanned.texts].filter(([given]) => !Object.hasOwn(spec.flags, given)));
      const globals = unwrap(readFlags(globalFlags, shared));
      const input: CommandInput<F, P> = {
        flags: unwrap(readFlags(spec.flags, scanned.texts)),
        params: unwrap(readParams(grammar, scanned.words)),
        passthrough: scanned.passthrough,
      };
      if (globals.json && globals.format === "table") throw new MaestroFailure(conflict(["json", "format"]));
      return spec.run(makeContext(io, globals), input);
    },
    wantsHelp: (argv) =>
      argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined).some((word) => word === "--help" || word === "-h"),
  };
}
