/** Processes by pid, from /proc: trees, memory, signals. Never by name: other products may run beside. */
import { readFileSync, readdirSync } from "node:fs";
import { PATIENCE_MS, poll } from "./wait.ts";

export interface ProcessInfo {
  pid: number;
  parent: number;
  /** `R`, `S`, `Z`, … */
  state: string;
  argv: readonly string[];
  /** Clock ticks since boot: with the pid, it names one process for good. */
  startTicks: number;
}

export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name stands in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return { pid, parent: Number(fields[1]), state: fields[0] ?? "", argv, startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export const allProcesses = (): ProcessInfo[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processInfo(Number(name)) ?? []);

/** All descendants, children before grandchildren; those that left the tree (setsid keeps the parent) included while their parent lives. */
export function descendants(pid: number): ProcessInfo[] {
  const all = allProcesses();
  const found: ProcessInfo[] = [];
  let generation = [pid];
  while (generation.length > 0) {
    const children = all.filter((one) => generation.includes(one.parent));
    found.push(...children);
    generation = children.map((child) => child.pid);
  }
  return found;
}

/** A value of the process's environment, which is how one finds a detached process of one MAESTRO_HOME. */
export function processEnv(pid: number, name: string): string | undefined {
  try {
    const entry = readFileSync(`/proc/${pid}/environ`, "utf8")
      .split("\0")
      .find((line) => line.startsWith(`${name}=`));
    return entry?.slice(name.length + 1);
  } catch {
    return undefined;
  }
}

export const isAlive = (pid: number): boolean => {
  const info = processInfo(pid);
  return info !== undefined && info.state !== "Z";
};

export function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Kills, then waits until it is really gone. */
export async function killAndWait(pid: number, signal: NodeJS.Signals = "SIGKILL", timeoutMs = PATIENCE_MS): Promise<void> {
  signalTo(pid, signal);
  await gone(pid, timeoutMs);
}

/** Ends all that `find` finds, and what starts meanwhile: a supervisor may restart what was killed first, and a shell has children. */
export async function endAll(find: () => readonly number[]): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const pids = find();
    if (pids.length === 0) return;
    for (const pid of pids) signalTo(pid, "SIGKILL");
    await Promise.all(pids.map((pid) => gone(pid).catch(() => undefined)));
  }
}

export const gone = (pid: number, timeoutMs = PATIENCE_MS): Promise<true> =>
  poll(`process ${pid} gone`, () => (isAlive(pid) ? undefined : true), {
    timeoutMs,
    everyMs: 10,
    detail: () => processInfo(pid)?.argv.join(" ") ?? "",
  });

export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}
