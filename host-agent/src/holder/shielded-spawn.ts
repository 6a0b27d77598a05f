/**
 * Starting programs without handing them the masters of other sessions' PTYs. The native module opens
 * masters without close-on-exec and Node cannot set it afterwards; a leaked master would keep a terminal
 * alive past its holder. In the child each of them is replaced by /dev/null.
 */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { openSync } from "node:fs";

const exposed = new Set<number>();
let devNull: number | undefined;

export const exposeFd = (fd: number): void => void exposed.add(fd);
/** Call when the descriptor is closed: its number is free for others. */
export const concealFd = (fd: number): void => void exposed.delete(fd);

type Stdio = "ignore" | "pipe" | number;

export function spawnShielded(
  file: string,
  args: readonly string[],
  options: Omit<SpawnOptions, "stdio" | "shell">,
  stdio: readonly [Stdio, Stdio, Stdio],
): ChildProcess {
  const all: Stdio[] = [...stdio];
  if (exposed.size > 0) {
    devNull ??= openSync("/dev/null", "r+");
    for (const fd of exposed) {
      while (all.length <= fd) all.push("ignore");
      all[fd] = devNull;
    }
  }
  return spawn(file, [...args], { ...options, stdio: all, shell: false });
}
