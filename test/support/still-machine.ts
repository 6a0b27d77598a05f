/**
 * A machine whose load does not move, whatever else goes on on this one: what the kernel tells its processes of CPU, memory
 * and load stands still, by mounts of their own over three files of /proc. Not everybody may have such; ask `canStandStill` first.
 */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lacking } from "./system.ts";

const FIGURES = ["stat", "meminfo", "loadavg"];

export const canStandStill = (): boolean => process.platform === "linux" && lacking("mounts") === undefined;

/** @param dir where the figures are kept as they are now. */
export function stillMachine(dir: string): (argv: readonly string[], options: SpawnOptions) => ChildProcess {
  mkdirSync(dir, { recursive: true });
  // Read and written: such a file says of itself that it is empty, and would be copied so.
  for (const name of FIGURES) writeFileSync(join(dir, name), readFileSync(join("/proc", name)));
  const mounts = FIGURES.map((name) => `mount --bind "$0/${name}" /proc/${name}`).join(" && ");
  return (argv, options) =>
    spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", `${mounts} && exec "$@"`, dir, ...argv], options);
}
