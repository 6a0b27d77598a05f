/** One daemon per home: a lock that names its owner, and that a dead owner does not hold. */
import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { fail } from "@maestro/shared/errors";
import { errnoOf, writeSynced } from "./durable-file.ts";
import { isAlive, ownIdentity } from "./process-identity.ts";

const LockFile = z.object({
  pid: z.int(),
  started: z.string(),
  bootId: z.string(),
  what: z.string(),
  version: z.string(),
  sinceMs: z.number(),
});
export type LockOwner = z.infer<typeof LockFile>;

export interface InstanceLock {
  /** Where the lock could be made. */
  file: string;
  release(): void;
}

/** Rounds against others who replace the same stale lock. */
const MAX_ROUNDS = 8;

/**
 * @param fallback used when the state directory cannot be written [F25]: a daemon that runs must not be two.
 * @param what for the message, e.g. `host run`.
 */
export function acquireLock(file: string, fallback: string, what: string, version: string): InstanceLock {
  try {
    return acquireAt(file, what, version);
  } catch (cause) {
    if (!["EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT"].includes(errnoOf(cause) ?? "")) throw cause;
    mkdirSync(path.dirname(fallback), { recursive: true, mode: 0o700 });
    return acquireAt(fallback, what, version);
  }
}

/** Who holds the lock now, if anybody alive. */
export function readOwner(file: string): LockOwner | undefined {
  const owner = readLock(file);
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

function acquireAt(file: string, what: string, version: string): InstanceLock {
  const own: LockOwner = { ...ownIdentity(), what, version, sinceMs: Date.now() };
  const candidate = `${file}.${process.pid}`;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    writeSynced(candidate, JSON.stringify(own));
    try {
      // Unlike create-then-write, a link appears with its content whole.
      linkSync(candidate, file);
      return { file, release: () => release(file, own) };
    } catch (cause) {
      if (errnoOf(cause) !== "EEXIST") throw cause;
    } finally {
      remove(candidate);
    }
    const owner = readLock(file);
    // The same process again: an upgrade in place keeps pid and start time.
    if (owner !== undefined && isAlive(owner) && !isSame(owner, own)) {
      throw fail(
        "already_running",
        `A host-agent (${owner.what}, version ${owner.version}, pid ${owner.pid}) already runs with ${path.dirname(path.dirname(file))}.`,
        {
          hint: `Stop it first: kill ${owner.pid}; or use another MAESTRO_HOME.`,
          extra: { pid: owner.pid },
        },
      );
    }
    takeAway(file, owner);
  }
  throw fail("already_running", "Several host-agents are starting with this home at once.", { hint: "Start one." });
}

/** Moves the stale lock aside; if somebody renewed it meanwhile, what was moved is theirs and goes back. */
function takeAway(file: string, stale: LockOwner | undefined): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = readLock(aside);
  if (moved !== undefined && (stale === undefined || !isSame(moved, stale))) {
    try {
      linkSync(aside, file);
    } catch {
      // A third one was quicker; its lock stands.
    }
  }
  remove(aside);
}

function release(file: string, own: LockOwner): void {
  const owner = readLock(file);
  if (owner !== undefined && isSame(owner, own)) remove(file);
}

const isSame = (a: LockOwner, b: LockOwner): boolean => a.pid === b.pid && a.started === b.started && a.bootId === b.bootId;

function readLock(file: string): LockOwner | undefined {
  try {
    const parsed = LockFile.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    return;
  }
}
