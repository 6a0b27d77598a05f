/** [SSH14] The program that was set for an agent, in the place of the CLI that its type would find. */
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "./adapter.ts";

/** @param program a path (`~` is `home`), or a name that is looked for; undefined: the type's own. @param home of whoever starts it. */
export function withOwnProgram(adapter: Adapter, program: string | undefined, home: string): Result<Adapter> {
  if (program === undefined) return ok(adapter);
  const field = fieldOf(program);
  if (adapter.binaries.length === 0)
    return err(
      maestroError("field_invalid", `Agents of ${adapter.name} types have no CLI in whose place '${program}' could be started.`, {
        field,
        hint: "Name the program in the `argv` of a type of your own, and assign an agent of that.",
      }),
    );
  const binary = program.startsWith("~/") ? path.posix.join(home, program.slice(2)) : program;
  return ok({
    ...adapter,
    binaries: [binary],
    chosen: true,
    install: `${binary}, or set another: maestro agent set <agent> --${FLAG[field]} …`,
  });
}

const fieldOf = (program: string): "bin" | "binName" => (program.includes("/") ? "bin" : "binName");

/** Of one that turned out not to be there. */
export const notThere = (program: string, { detail }: MaestroError, { install }: Adapter): MaestroError =>
  maestroError("agent_cli_missing", detail, { field: fieldOf(program), hint: `Install it there: ${install}` });

const FLAG = { bin: "bin", binName: "bin-name" } as const;
