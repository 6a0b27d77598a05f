/** Prompts that have to be arguments, as some CLIs want them. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/** Linux takes 128 KiB per argument, its end included. */
export const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

export function fitsArgument(title: string, argument: string): Result<void> {
  const bytes = Buffer.byteLength(argument);
  if (bytes <= MAX_ARGUMENT_BYTES) return ok(undefined);
  return err(
    maestroError("prompt_too_large", `${title} takes its prompt as an argument, and one of ${bytes} bytes does not fit into one.`, {
      field: "prompt",
      hint: `At most ${MAX_ARGUMENT_BYTES} bytes; write the rest into a file of the workspace.`,
    }),
  );
}

/** For CLIs that would read such a prompt as a flag: a task could give itself permissions that way. */
export function refuseFlag(title: string, prompt: string): Result<void> {
  if (!prompt.startsWith("-")) return ok(undefined);
  return err(
    maestroError("field_invalid", `${title} would read a prompt that begins with '-' as a flag.`, {
      field: "prompt",
      hint: "Begin it with a word.",
    }),
  );
}
