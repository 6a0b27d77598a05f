/**
 * [LK2] The start counter of this identity: rises with every start of the daemon, persisted before it is used.
 * It is never below the present time in milliseconds, so that it still rises when the disk takes no more writes.
 */
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { isFailureOf } from "./failure.ts";
import { writeDurably } from "./durable-file.ts";

export interface StartCount {
  start: number;
  /** Why the count could not be kept where it belongs, when it could not. */
  problem: string | undefined;
}

/**
 * @param spare on another disk, for when `file` takes no writes: the calendar may have gone back since the last
 * count was kept, and two starts with one number would look like a copied identity.
 */
export function nextStart(file: string, spare: string, wallMs: number): StartCount {
  const start = chooseStart(Math.max(readCount(file), readSpare(spare)), wallMs);
  try {
    writeDurably(file, `${start}\n`);
    return { start, problem: undefined };
  } catch (cause) {
    // A disk that is full or read-only does not keep a host from its fleet; the spare file and time carry the count on.
    if (!isFailureOf(cause, "disk_full", "state_unwritable", "descriptors_exhausted")) throw cause;
    keepSpare(spare, start);
    return { start, problem: cause.error.detail };
  }
}

/** @param known the last persisted count, 0 when there is none. */
export const chooseStart = (known: number, wallMs: number): number => Math.max(known + 1, Math.floor(wallMs));

function readCount(file: string): number {
  try {
    const count = Number(readFileSync(file, "utf8").trim());
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    return 0;
  }
}

const readSpare = (spare: string): number => (isOurs(path.dirname(spare)) ? readCount(spare) : 0);

function keepSpare(spare: string, start: number): void {
  try {
    mkdirSync(path.dirname(spare), { recursive: true, mode: 0o700 });
    if (isOurs(path.dirname(spare))) writeDurably(spare, `${start}\n`);
  } catch {
    // Then time alone carries the count on.
  }
}

/** The spare file stands where others may write beside it, and may have made the directory first. */
function isOurs(dir: string): boolean {
  const found = lstatSync(dir, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}
