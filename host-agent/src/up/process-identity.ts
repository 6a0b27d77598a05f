/** A process by pid and start time: a pid alone may meanwhile belong to somebody else. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";

export const ProcessIdentity = z.object({ pid: z.int().min(1), started: z.string() });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** Undefined when there is no such process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === "linux" ? startedLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

export const isAlive = ({ pid, started }: ProcessIdentity): boolean => identify(pid)?.started === started;

/** The direct child of `parent` that runs a program of this name. */
export function childNamed(parent: number, name: string): ProcessIdentity | undefined {
  for (const { pid, ppid, command } of processes()) if (ppid === parent && command === name) return identify(pid);
  return undefined;
}

/** TERM, then KILL. True when it is gone. */
export async function endProcess(target: ProcessIdentity, graceMs: number): Promise<boolean> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!isAlive(target)) return true;
    try {
      process.kill(target.pid, signal);
    } catch {
      return !isAlive(target);
    }
    if (await goneWithin(target, graceMs)) return true;
  }
  return !isAlive(target);
}

const POLL_MS = 25;

export async function goneWithin(target: ProcessIdentity, ms: number): Promise<boolean> {
  for (let waited = 0; waited < ms; waited += POLL_MS) {
    if (!isAlive(target)) return true;
    await delay(POLL_MS);
  }
  return !isAlive(target);
}

/** Ticks since boot, with the boot's id: unique over reboots. A zombie is gone. */
function startedLinux(pid: number): string | undefined {
  const stat = statLinux(pid);
  if (stat === undefined || stat.state === "Z") return undefined;
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}.${stat.started}`;
}

function statLinux(pid: number): { state: string; ppid: number; started: string; command: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may hold blanks and brackets: fields begin after the last one.
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    return { state: fields[0] ?? "", ppid: Number(fields[1]), started: fields[19] ?? "", command: text.slice(text.indexOf("(") + 1, end) };
  } catch {
    return undefined;
  }
}

function startedByPs(pid: number): string | undefined {
  const text = ps(["-o", "lstart=", "-p", String(pid)]).trim();
  return text === "" ? undefined : text;
}

function processes(): { pid: number; ppid: number; command: string }[] {
  if (process.platform === "linux") {
    return readdirSync("/proc").flatMap((name) => {
      const stat = /^\d+$/.test(name) ? statLinux(Number(name)) : undefined;
      return stat === undefined ? [] : [{ pid: Number(name), ppid: stat.ppid, command: stat.command }];
    });
  }
  return ps(["-axo", "pid=,ppid=,comm="])
    .split("\n")
    .map((line) => {
      const [pid, ppid, ...command] = line.trim().split(/\s+/);
      return { pid: Number(pid), ppid: Number(ppid), command: command.join(" ").split("/").at(-1) ?? "" };
    });
}

function ps(args: readonly string[]): string {
  try {
    return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}
