/** Which processes belong to a terminal, and ending them all. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Shells go at HUP, most programs at TERM; what is left after both gets KILL. */
const HUP_GRACE_MS = 400;
const TERM_GRACE_MS = 1_600;
const POLL_MS = 20;
const KILL_ROUNDS = 50;

interface Stat {
  pid: number;
  ppid: number;
  session: number;
  /** Foreground process group of its terminal, -1 without one. */
  tpgid: number;
  state: string;
  /** Clock ticks since boot; with the pid it names one process for good. */
  started: string;
}

export function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may hold blanks and brackets: fields begin after the last one.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const at = (index: number): number => Number(fields[index]);
    return { pid, state: fields[0] ?? "", ppid: at(1), session: at(3), tpgid: at(5), started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** Leader, members of its session, and their descendants, even those in a session of their own. */
export async function processesOf(leader: number): Promise<number[]> {
  const all = process.platform === "linux" ? statsFromProc() : await statsFromPs(leader);
  const found = new Set<number>();
  let added = true;
  while (added) {
    added = false;
    for (const stat of all) {
      if (found.has(stat.pid) || stat.state === "Z") continue;
      if (stat.pid === leader || stat.session === leader || found.has(stat.ppid)) {
        found.add(stat.pid);
        added = true;
      }
    }
  }
  return [...found];
}

/**
 * HUP, TERM, KILL to all of them, or KILL at once by force. Resolves when none is left, or when KILL did not help
 * either (false).
 */
export async function terminateAll(leader: number, { force = false } = {}): Promise<boolean> {
  const members = new Map<number, string | undefined>();
  /** Also what one of them began before it died. */
  const scan = async (): Promise<void> => {
    const now = readStat(leader)?.started;
    // Its pid was given again: the system does so only when its session is empty, and what is there now is a stranger's.
    if (now !== undefined && members.has(leader) && members.get(leader) !== now) return;
    for (const pid of await processesOf(leader)) if (!members.has(pid)) members.set(pid, readStat(pid)?.started);
  };
  const living = (): number[] => [...members].filter(([pid, started]) => isAlive(pid, started)).map(([pid]) => pid);
  // The leader first: a shell whose command dies under it goes on to the next one.
  const signalAll = (signal: NodeJS.Signals): void =>
    living()
      .toSorted((a, b) => Number(b === leader) - Number(a === leader))
      .forEach((pid) => signalOne(pid, signal));
  const emptied = async (withinMs: number): Promise<boolean> => {
    if (!(await died(living, withinMs))) return false;
    await scan();
    return living().length === 0;
  };
  await scan();
  if (!force) {
    signalAll("SIGHUP");
    signalAll("SIGCONT");
    if (await emptied(HUP_GRACE_MS)) return true;
    signalAll("SIGTERM");
    if (await emptied(TERM_GRACE_MS)) return true;
  }
  for (let round = 0; round < KILL_ROUNDS; round++) {
    await scan();
    const left = living();
    const leads = left.includes(leader);
    // Its death hangs up on the others, so it is the last; until then it begins nothing.
    if (leads) signalOne(leader, "SIGSTOP");
    for (const pid of left) if (pid !== leader) signalOne(pid, "SIGKILL");
    if (leads) signalOne(leader, "SIGKILL");
    if (await emptied(POLL_MS)) return true;
  }
  return false;
}

/**
 * Working directory of the foreground process of `leader`'s terminal.
 * @param behind `leader` only waits for the program: its child is meant.
 */
export async function foregroundCwd(leader: number, { behind = false } = {}): Promise<string | undefined> {
  if (process.platform !== "linux") return behind ? undefined : lsofCwd(leader);
  const tpgid = readStat(leader)?.tpgid ?? -1;
  const child = behind && (tpgid === leader || tpgid <= 0) ? firstChild(leader) : undefined;
  for (const pid of [child, tpgid, leader]) {
    if (pid === undefined || pid <= 0) continue;
    try {
      return await readlink(`/proc/${pid}/cwd`);
    } catch {
      continue;
    }
  }
  return undefined;
}

function firstChild(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ")[0]) || undefined;
  } catch {
    return undefined;
  }
}

async function died(living: () => number[], withinMs: number): Promise<boolean> {
  for (let waited = 0; ; waited += POLL_MS) {
    if (living().length === 0) return true;
    if (waited >= withinMs) return false;
    await delay(POLL_MS);
  }
}

function isAlive(pid: number, started: string | undefined): boolean {
  if (process.platform === "linux") {
    const stat = readStat(pid);
    return stat !== undefined && stat.state !== "Z" && stat.started === started;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    return;
  }
}

function statsFromProc(): Stat[] {
  return readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    return stat === undefined ? [] : [stat];
  });
}

/** macOS shows no session ids: the leader's terminal stands for its session. */
async function statsFromPs(leader: number): Promise<Stat[]> {
  const rows = (await run("ps", ["-axo", "pid=,ppid=,tty=,stat="]).catch(() => ({ stdout: "" }))).stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const tty = rows.find(([pid]) => Number(pid) === leader)?.[2];
  return rows.map(([pid, ppid, itsTty, state]) => ({
    pid: Number(pid),
    ppid: Number(ppid),
    tpgid: -1,
    started: "",
    state: state?.startsWith("Z") === true ? "Z" : "R",
    session: tty !== undefined && tty !== "??" && itsTty === tty ? leader : -1,
  }));
}

async function lsofCwd(pid: number): Promise<string | undefined> {
  const found = await run("lsof", ["-a", "-p", String(pid), "-d", "cwd", "-Fn"]).catch(() => undefined);
  return found?.stdout
    .split("\n")
    .find((line) => line.startsWith("n"))
    ?.slice(1);
}
