/** Why a program could not be started, named: which file, which reason. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { errnoOf } from "../daemon/durable-file.ts";

interface Attempt {
  argv: readonly string[];
  cwd: string;
}

export function refuseSpawn({ argv, cwd }: Attempt, cause: unknown): MaestroError {
  const file = argv[0] ?? "";
  const code = errnoOf(cause);
  switch (code) {
    case "EMFILE":
    case "ENFILE":
    case "EBADF":
      return descriptorsExhausted(`starting '${file}'`);
    case "EAGAIN":
    case "ENOMEM":
      return maestroError("spawn_failed", `'${file}' could not be started: the system has no room for another process (${code}).`, {
        hint: "End something, or raise `ulimit -u`.",
      });
    case undefined:
    default:
      return maestroError(
        "spawn_failed",
        `'${file}' could not be started in '${cwd}': ${cause instanceof Error ? cause.message : String(cause)}.`,
      );
  }
}

export const descriptorsExhausted = (doing: string): MaestroError =>
  maestroError("descriptors_exhausted", `No file descriptor left while ${doing}.`, {
    hint: "End some sessions, or raise `ulimit -n` before the holder starts.",
  });
