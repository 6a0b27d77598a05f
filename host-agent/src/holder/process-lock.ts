/**
 * One holder per home: a file that names its process by pid and start time, so that a stale one is known, and itself, so
 * that a copy of it is: the holder of the home that was copied is alive and serves that one.
 */
import { closeSync, fstatSync, linkSync, openSync, readFileSync, realpathSync, renameSync, unlinkSync, writeSync } from "node:fs";
import * as path from "node:path";
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import { errnoOf } from "../daemon/durable-file.ts";
import type { ProcessName } from "./backend.ts";
import { readStat } from "./processes.ts";

interface Lock {
  text: string;
  owner: ProcessName | undefined;
  /** Another home's that was copied here. */
  copied: boolean;
}

export function thisProcess(): ProcessName {
  return { pid: process.pid, started: readStat(process.pid)?.started ?? String(Math.round(performance.timeOrigin)) };
}

/** Each round somebody else took or gave back the lock; so many in a row are no race. */
const MAX_ROUNDS = 100;

/** True when this process holds the lock now; false when a living one does. */
export function acquireLock(file: string, me: ProcessName): boolean {
  const mine = `${file}.${me.pid}`;
  writeLock(mine, file, me);
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (link(mine, file)) return true;
      const lock = read(file, file);
      if (lock === undefined) continue;
      if (isHeld(lock)) return false;
      stealStale(file, lock.text, me.pid);
    }
    throw unusable(file, "it changes hands without end");
  } finally {
    unlinkSync(mine);
  }
}

export function releaseLock(file: string, me: ProcessName): void {
  const owner = readable(file)?.owner;
  if (owner?.pid === me.pid && owner.started === me.started) unlinkSync(file);
}

export function lockOwner(file: string): ProcessName | undefined {
  const lock = readable(file);
  return lock !== undefined && isHeld(lock) ? lock.owner : undefined;
}

const isHeld = ({ owner, copied }: Lock): boolean => !copied && isAlive(owner);

/** Two may find the same stale lock: whoever moved away what was not stale any more puts it back. */
function stealStale(file: string, text: string, pid: number): void {
  const aside = `${file}.stale.${pid}`;
  try {
    renameSync(file, aside);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return;
    throw unusable(file, "it is stale and cannot be moved away", cause);
  }
  if (read(aside, file)?.text !== text) link(aside, file);
  unlinkSync(aside);
}

/** A zombie is dead: a holder stays one for long when the daemon that started it was replaced in place meanwhile. */
export function isAlive(owner: ProcessName | undefined): boolean {
  if (owner === undefined) return false;
  if (process.platform === "linux") {
    const stat = readStat(owner.pid);
    return stat !== undefined && stat.state !== "Z" && stat.started === owner.started;
  }
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch {
    return false;
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw cause;
  }
}

/** @param at the path under which it will be the lock: a link keeps what makes a file that file. */
function writeLock(file: string, at: string, me: ProcessName): void {
  const fd = openSync(file, "w", 0o600);
  try {
    writeSync(fd, JSON.stringify({ ...me, file: inodeOf(fd), path: realOf(at) }));
  } finally {
    closeSync(fd);
  }
}

/** Undefined when there is none. */
function read(file: string, at: string): Lock | undefined {
  try {
    const fd = openSync(file, "r");
    try {
      const text = readFileSync(fd, "utf8");
      const { owner, self } = parse(text);
      return { text, owner, copied: self !== undefined && self.file !== inodeOf(fd) && self.path !== realOf(at) };
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw unusable(file, "it cannot be read", cause);
  }
}

/** What cannot be read names nobody: for those who only want to know. */
function readable(file: string): Lock | undefined {
  try {
    return read(file, file);
  } catch {
    return undefined;
  }
}

const unusable = (file: string, why: string, cause?: unknown): MaestroFailure =>
  new MaestroFailure(
    maestroError(
      "state_unwritable",
      `The lock '${file}' is of no use: ${why}${cause === undefined ? "" : ` (${errnoOf(cause) ?? "unknown"})`}.`,
      {
        hint: "Look at who owns it; remove it when no holder of this home runs.",
      },
    ),
    { cause },
  );

const inodeOf = (fd: number): string => String(fstatSync(fd, { bigint: true }).ino);
const realOf = (file: string): string => path.join(realpathSync(path.dirname(file)), path.basename(file));

/**
 * `self`: as it was made; an older version told nothing of it. Only what has both another number and another place is a
 * copy: a home may be moved under its holder, and some file systems number their files anew.
 */
function parse(text: string): { owner?: ProcessName; self?: { file: string; path: string } } {
  try {
    const value: unknown = JSON.parse(text);
    const [pid, started, file, at]: unknown[] =
      typeof value === "object" && value !== null ? ["pid", "started", "file", "path"].map((name) => Reflect.get(value, name)) : [];
    return {
      ...(typeof pid === "number" && typeof started === "string" ? { owner: { pid, started } } : {}),
      ...(typeof file === "string" && typeof at === "string" ? { self: { file, path: at } } : {}),
    };
  } catch {
    return {};
  }
}
