/** Small private files that survive a crash at any moment: temp, fsync, rename, fsync of the directory. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from "node:fs";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";

/** Readers see the old content or the new one, whole. The file is 0600. */
export function writeDurably(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeSynced(temporary, text);
    renameSync(temporary, file);
    syncDirectory(path.dirname(file));
  } catch (cause) {
    removeIfThere(temporary);
    throw describeWriteFailure(file, cause);
  }
}

/** In place, for files that nobody reads half: a crash may leave them torn. 0600. */
export function writeSynced(file: string, text: string): void {
  const fd = openSync(file, "w", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function removeDurably(file: string): void {
  if (removeIfThere(file)) syncDirectory(path.dirname(file));
}

/** Undefined when there is none. A secret that others can read is refused, not used. */
export function readPrivate(file: string): string | undefined {
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0) {
      throw fail(
        "insecure_permissions",
        `'${file}' has mode ${(mode & 0o777).toString(8).padStart(4, "0")}: other users of this machine can reach it.`,
        {
          field: file,
          hint: `chmod 600 '${file}'`,
        },
      );
    }
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    if (errnoOf(cause) === "EACCES")
      throw fail(
        "insecure_permissions",
        `'${file}' cannot be read by this user.`,
        { field: file, hint: "Run as the user who joined this machine." },
        cause,
      );
    throw cause;
  }
}

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

function describeWriteFailure(file: string, cause: unknown): unknown {
  switch (errnoOf(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return fail("disk_full", `No space left to write '${file}'.`, { field: file, hint: "Free some space and try again." }, cause);
    case "EROFS":
    case "EACCES":
    case "EPERM":
    case "ENOENT":
    case "ENOTDIR":
      return fail(
        "state_unwritable",
        `'${file}' cannot be written (${errnoOf(cause) ?? "unknown"}).`,
        { field: file, hint: "MAESTRO_HOME must be a writable directory of this user." },
        cause,
      );
    case "EMFILE":
    case "ENFILE":
      return fail(
        "descriptors_exhausted",
        `No file descriptor left to write '${file}'.`,
        { field: file, hint: "Raise `ulimit -n`." },
        cause,
      );
    case undefined:
    default:
      return cause;
  }
}

function removeIfThere(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** The rename itself is durable only once its directory is; a file system that cannot sync one is taken as it is. */
function syncDirectory(dir: string): void {
  try {
    const fd = openSync(dir, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    return;
  }
}
