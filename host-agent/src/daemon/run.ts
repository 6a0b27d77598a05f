/** The composition root of the host daemon. */
import type { Paths } from "../config/paths.ts";
import type { Settings } from "../config/env.ts";
import type { Log } from "./log.ts";

export interface HostAgentOptions {
  paths: Paths;
  settings: Settings;
  /** The running program's version, as `hello` tells it. */
  version: string;
  log: Log;
  /**
   * The argv that starts this very program again, through the `current` link where there is one:
   * `[process.execPath, ...process.execArgv, ".../bin.js"]`. The holder is started with it, and an upgrade executes it with `args`.
   */
  program: readonly string[];
  /** The arguments of this process, repeated by an upgrade: `["host", "run", …]`. */
  args: readonly string[];
  /** Under `maestro up`: the end of standard input means that the parent is gone. */
  exitOnStdinEnd: boolean;
}

/** `upgrade` comes back only where the process could not replace itself: exit, and let the supervisor start the new version. */
export type ExitReason = { type: "signal"; signal: NodeJS.Signals } | { type: "stdin_closed" } | { type: "upgrade" };

/** Runs until told to stop. Refusals (not joined, already running, insecure files) are thrown as `MaestroFailure`. */
export async function runHostAgent(options: HostAgentOptions): Promise<ExitReason> {
  return new Promise<ExitReason>(() => void options);
}
