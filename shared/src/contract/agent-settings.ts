/** What is set for one agent beside its type: where it works, and which program its CLI is [SSH12] [SSH14]. */
import * as z from "zod";
import { maestroError, type MaestroError } from "../errors.ts";
import { escapeUnsafe } from "../sanitize.ts";

/** On the agent's host; null goes back to its workspace, or to the CLI that its type finds. */
export const agentSettings = {
  /** Its program begins there instead of in its workspace; absolute, or `~/…`. */
  cwd: z.string().max(4096).nullable().optional(),
  /** The file that is started instead of its type's CLI; absolute, or `~/…`. Not together with `binName`. */
  bin: z.string().max(4096).nullable().optional(),
  /** The name that is looked for instead of its type's CLI, in the same places. */
  binName: z.string().max(128).nullable().optional(),
};

export interface AgentSettings {
  cwd?: string | null | undefined;
  bin?: string | null | undefined;
  binName?: string | null | undefined;
}

/** The one program that both fields speak of; undefined: neither is given. */
export const programOf = ({ bin, binName }: AgentSettings): string | null | undefined => bin ?? binName ?? (bin === null ? bin : binName);

/** A path has a slash in it and a name has none. */
export const shownProgram = (program: string | null): { bin?: string; binName?: string } =>
  program === null ? {} : program.includes("/") ? { bin: program } : { binName: program };

export function settingsProblem({ cwd, bin, binName }: AgentSettings): MaestroError | undefined {
  if (typeof bin === "string" && typeof binName === "string")
    return maestroError("conflicting_flags", "A path and a name of the agent's program are given.", {
      field: "binName",
      hint: "Give one of the two.",
    });
  if (typeof binName === "string" && !/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(binName))
    return maestroError("field_invalid", `'${shown(binName)}' is no name of a program.`, {
      field: "binName",
      hint: "Letters, digits and . _ + -; a path is given as bin.",
    });
  return pathProblem("cwd", cwd) ?? pathProblem("bin", bin);
}

function pathProblem(field: "cwd" | "bin", path: string | null | undefined): MaestroError | undefined {
  if (typeof path !== "string") return undefined;
  if (path.includes("\0")) return maestroError("nul_byte", `The path in ${field} holds a NUL byte.`, { field });
  if (/\p{Cc}/u.test(path)) return maestroError("field_invalid", `The path '${shown(path)}' holds control characters.`, { field });
  const absolute = path.startsWith("/") || path.startsWith("~/") || (field === "cwd" && path === "~");
  return absolute
    ? undefined
    : maestroError("field_invalid", `'${shown(path)}' is no absolute path.`, {
        field,
        hint: "Give a path on the agent's host, beginning with / or ~/.",
      });
}

const shown = (text: string): string => escapeUnsafe(text).slice(0, 256);
