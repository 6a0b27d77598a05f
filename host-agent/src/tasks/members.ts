/** Which processes belong to an attempt, and ending all of them. [TK4] */
import { readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { readStat } from "../holder/processes.ts";
import { pause, type Clock } from "../daemon/clock.ts";

export interface Belonging {
  attempt: string;
  /** Directories of its cgroups; with one, nothing escapes, and nothing else is looked at. */
  cgroups: readonly string[];
  /** The child, which leads a session of its own. */
  child: Child | undefined;
}

/** Its pid may be another one's by now: the start is not. */
export interface Child {
  pid: number;
  started: string;
}

const POLL_MS = 50;
const KILL_POLL_MS = 20;
const KILL_ROUNDS = 150;

/** Living ones only: a zombie has nothing left to end. */
export function membersOf({ attempt, cgroups, child }: Belonging): number[] {
  const lists = cgroups.flatMap((dir) => readPids(path.join(dir, "cgroup.procs")) ?? []);
  const found = cgroups.length > 0 && lists.length > 0 ? new Set(lists.filter(isLiving)) : fromProc(attempt, child);
  found.delete(process.pid);
  // Parents first: a shell whose command dies under it goes on to the next one.
  return [...found].toSorted((a, b) => Number(b === child?.pid) - Number(a === child?.pid) || a - b);
}

/**
 * SIGINT, SIGTERM, SIGKILL, `graceMs` apart, to all of them, whoever they are by then. Resolves with true once none is left.
 * @param members looks again.
 */
export async function terminate(belonging: Belonging, graceMs: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const members = () => membersOf(belonging);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    const now = members();
    if (now.length === 0) return true;
    for (const pid of now) {
      signalOne(pid, name);
      // A stopped one takes a signal only when it goes on.
      signalOne(pid, "SIGCONT");
    }
    const untilMs = clock.monotonicMs() + graceMs;
    while (clock.monotonicMs() < untilMs && !signal.aborted) {
      await pause(clock, POLL_MS, signal);
      if (members().length === 0) return true;
    }
    if (signal.aborted) return false;
  }
  return killAll(belonging, clock, signal);
}

/**
 * Held first, all of them: none sees another one die and goes on with something else, nor fails at what it was about to
 * begin and says so. What forks faster than it can be counted then loses the right to.
 */
export async function killAll(belonging: Belonging, clock: Clock, signal: AbortSignal): Promise<boolean> {
  for (let round = 0; round < KILL_ROUNDS && !signal.aborted; round++) {
    const now = membersOf(belonging);
    if (now.length === 0) return true;
    for (const pid of now) signalOne(pid, "SIGSTOP");
    for (const dir of round === 0 ? belonging.cgroups : []) {
      writeIfThere(path.join(dir, "pids.max"), "0");
      writeIfThere(path.join(dir, "cgroup.kill"), "1");
    }
    for (const pid of now) signalOne(pid, "SIGKILL");
    await pause(clock, KILL_POLL_MS, signal);
  }
  return membersOf(belonging).length === 0;
}

/** Left by a runner that was killed, or by a start that did not come. One that somebody is in stays. */
export function removeCgroups(dirs: readonly string[]): void {
  for (const dir of dirs) {
    try {
      rmdirSync(dir);
    } catch {
      continue;
    }
  }
}

/** Members of its session, those that carry its name in their environment, and the descendants of both. */
function fromProc(attempt: string, child: Child | undefined): Set<number> {
  const stats = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const found = new Set<number>();
  // No pid is given anew while a session has it for its name: another start, another session.
  const leader = stats.find(({ pid }) => pid === child?.pid);
  const session = leader === undefined || leader.started === child?.started ? child?.pid : undefined;
  const marker = `MAESTRO_ATTEMPT_ID=${attempt}\0`;
  for (const stat of stats) if (stat.state !== "Z" && (stat.session === session || environ(stat.pid).includes(marker))) found.add(stat.pid);
  for (let added = true; added;) {
    added = false;
    for (const stat of stats) {
      if (found.has(stat.pid) || stat.state === "Z" || !found.has(stat.ppid)) continue;
      found.add(stat.pid);
      added = true;
    }
  }
  return found;
}

function environ(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}

const isLiving = (pid: number): boolean => {
  const state = readStat(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
};

function readPids(file: string): number[] | undefined {
  try {
    return readFileSync(file, "latin1").split("\n").filter(Boolean).map(Number);
  } catch {
    return undefined;
  }
}

function signalOne(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    return;
  }
}

function writeIfThere(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "r+" });
  } catch {
    return;
  }
}
