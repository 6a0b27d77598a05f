/** Names one process for good: its pid is used again, its pid with start time and boot is not. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as os from "node:os";
import { readStat } from "../holder/processes.ts";

export interface ProcessIdentity {
  pid: number;
  /** Opaque; compared for equality only. */
  started: string;
  bootId: string;
}

export const ownIdentity = (): ProcessIdentity => ({ pid: process.pid, started: startOf(process.pid) ?? "unknown", bootId: readBootId() });

export function isAlive({ pid, started, bootId }: ProcessIdentity): boolean {
  return bootId === readBootId() && startOf(pid) === started;
}

/** `[\w-]{1,64}`, as the link's claim wants it. */
export function readBootId(): string {
  try {
    const id = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    if (/^[\w-]{1,64}$/.test(id)) return id;
  } catch {
    // Not Linux.
  }
  return createHash("sha256").update(`${os.hostname()} ${bootTime()}`).digest("hex").slice(0, 32);
}

function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    const stat = readStat(pid);
    return stat === undefined || stat.state === "Z" ? undefined : stat.started;
  }
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", timeout: 5_000 }).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}

function bootTime(): string {
  try {
    return execFileSync("sysctl", ["-n", "kern.boottime"], { encoding: "utf8", timeout: 5_000 }).trim();
  } catch {
    // Coarse enough to be the same for one boot.
    return String(Math.round((Date.now() / 1000 - os.uptime()) / 60));
  }
}
