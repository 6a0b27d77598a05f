/** One holder per home: a file that names its process by pid and start time, so that a stale one is known. */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { errnoOf } from "../daemon/durable-file.ts";
import type { ProcessName } from "./backend.ts";
import { readStat } from "./processes.ts";

export function thisProcess(): ProcessName {
  return { pid: process.pid, started: readStat(process.pid)?.started ?? String(Math.round(performance.timeOrigin)) };
}

/** True when this process holds the lock now; false when a living one does. */
export function acquireLock(file: string, me: ProcessName): boolean {
  const mine = `${file}.${me.pid}`;
  writeFileSync(mine, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      if (link(mine, file)) return true;
      const text = read(file);
      if (text === undefined) continue;
      if (isAlive(parse(text))) return false;
      stealStale(file, text, me.pid);
    }
  } finally {
    unlinkSync(mine);
  }
}

export function releaseLock(file: string, me: ProcessName): void {
  const owner = parse(read(file) ?? "");
  if (owner?.pid === me.pid && owner.started === me.started) unlinkSync(file);
}

export function lockOwner(file: string): ProcessName | undefined {
  const owner = parse(read(file) ?? "");
  return isAlive(owner) ? owner : undefined;
}

/** Two may find the same stale lock: whoever moved away what was not stale any more puts it back. */
function stealStale(file: string, text: string, pid: number): void {
  const aside = `${file}.stale.${pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (read(aside) !== text) link(aside, file);
  unlinkSync(aside);
}

/** A zombie is dead: a holder stays one for long when the daemon that started it was replaced in place meanwhile. */
function isAlive(owner: ProcessName | undefined): boolean {
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

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string): ProcessName | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const [pid, started]: unknown[] =
      typeof value === "object" && value !== null ? [Reflect.get(value, "pid"), Reflect.get(value, "started")] : [];
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}
