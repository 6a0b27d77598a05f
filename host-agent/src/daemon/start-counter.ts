/**
 * [LK2] The start counter of this identity: rises with every start of the daemon, persisted before it is used.
 * It is never below the present time in milliseconds, so that it still rises when the disk takes no more writes.
 */
import { readFileSync } from "node:fs";
import { isFailureOf } from "./failure.ts";
import { writeDurably } from "./durable-file.ts";

export interface StartCount {
  start: number;
  /** Why the count could not be kept, when it could not. */
  problem: string | undefined;
}

export function nextStart(file: string, wallMs: number): StartCount {
  const start = chooseStart(readCount(file), wallMs);
  try {
    writeDurably(file, `${start}\n`);
    return { start, problem: undefined };
  } catch (cause) {
    // A disk that is full or read-only does not keep a host from its fleet; time carries the count on.
    if (isFailureOf(cause, "disk_full", "state_unwritable", "descriptors_exhausted")) return { start, problem: cause.error.detail };
    throw cause;
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
