/** Small private files that survive a crash at any moment: temp, fsync, rename, fsync of the directory. */
import {
  closeSync,
  fchownSync,
  fsync,
  fsyncSync,
  lchownSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { fail } from "@maestro/shared/errors";

/**
 * Readers see the old content or the new one, whole. The file is 0600.
 *
 * @param like a file whose owner this one gets where root writes; default: the file that is replaced, else its directory.
 */
export function writeDurably(file: string, text: string, like = file): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeSynced(temporary, text, like);
    renameSync(temporary, file);
    syncDirectory(path.dirname(file));
  } catch (cause) {
    removeIfThere(temporary);
    throw describeWriteFailure(file, cause);
  }
}

/**
 * New files, on disk with the entries of these directories when it resolves, while others go on: one wait for all. A crash
 * before that may leave any of them torn or not there, so they are for readers who take both for nothing.
 */
export async function writeTogether(files: readonly (readonly [file: string, text: string])[], dirs: readonly string[]): Promise<void> {
  const [first = ""] = files[0] ?? [];
  const fds: number[] = [];
  try {
    for (const [file, text] of files) fds.push(openNew(file, text, file));
    // All of them, also when one fails: what is still being synced must not be closed.
    const synced = await Promise.allSettled([...fds.map((fd) => sync(fd)), ...dirs.map((dir) => syncBeside(dir))]);
    for (const outcome of synced) if (outcome.status === "rejected") throw outcome.reason;
  } catch (cause) {
    for (const [file] of files) removeIfThere(file);
    throw describeWriteFailure(first, cause);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** A new file, for readers of this life of the machine; on disk for good after `syncBeside`. 0600. */
export function writeUnsynced(file: string, text: string): void {
  try {
    closeSync(openNew(file, text, file));
  } catch (cause) {
    removeIfThere(file);
    throw describeWriteFailure(file, cause);
  }
}

/** A new file that nobody reads half: a crash may leave it torn. 0600, and of the same owner as `writeDurably` gives. */
export function writeSynced(file: string, text: string, like = file): void {
  const fd = openNew(file, text, like);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const sync = promisify(fsync);

/** Written, and not on disk yet. */
function openNew(file: string, text: string, like: string): number {
  // What lies there under its own name says nothing: it is replaced.
  const owner = like === file ? ownerOfDirectory(path.dirname(file)) : ownerFor(like);
  const fd = openAlone(file);
  try {
    if (owner !== undefined) ignoringNoOwners(() => fchownSync(fd, owner.uid, owner.gid));
    // All of it: of what `writeSync` writes a part may be on a disk that is full.
    writeFileSync(fd, text);
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

/** Never through what lies there: the directory may be another user's, and a link of theirs could lead root anywhere. */
function openAlone(file: string): number {
  try {
    return openSync(file, "wx", 0o600);
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") throw cause;
    removeIfThere(file);
    return openSync(file, "wx", 0o600);
  }
}

export function removeDurably(file: string): void {
  if (removeIfThere(file)) syncDirectory(path.dirname(file));
}

/** A directory that root made in another user's is that user's. */
export function giveToOwnerOf(parent: string, dir: string): void {
  const owner = ownerFor(parent);
  if (owner !== undefined) ignoringNoOwners(() => lchownSync(dir, owner.uid, owner.gid));
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

/** Of root's writes only: what it leaves to itself in another user's directory, that user's daemon cannot read. */
function ownerFor(like: string): Stats | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return lstatSync(like, { throwIfNoEntry: false }) ?? statSync(path.dirname(like));
}

/** Of the directory itself, also where it is reached by a link. */
const ownerOfDirectory = (dir: string): Stats | undefined => (process.getuid?.() === 0 ? statSync(dir) : undefined);

/** On a file system without owners, or on one that keeps root from giving, the file stays whose it is. */
function ignoringNoOwners(give: () => void): void {
  try {
    give();
  } catch (cause) {
    if (!["EPERM", "EINVAL", "ENOSYS", "ENOTSUP"].includes(errnoOf(cause) ?? "")) throw cause;
  }
}

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

/** A file or a directory, while others go on. What keeps it from being synced is told: what is not on disk was not written. */
export async function syncBeside(what: string): Promise<void> {
  const fd = openSync(what, "r");
  try {
    await sync(fd);
  } catch (cause) {
    if (!["EINVAL", "ENOSYS", "ENOTSUP"].includes(errnoOf(cause) ?? "")) throw cause;
  } finally {
    closeSync(fd);
  }
}
