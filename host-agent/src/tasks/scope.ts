/**
 * A scope of systemd's own for each attempt, where systemd is the first process: a restart of the host-agent's unit, or
 * limits on it, then have nothing to do with the attempt, and controllers are ours to pass on in it.
 */
import { existsSync } from "node:fs";
import { locateProgram } from "../adapters/locate.ts";

export interface ScopeFacts {
  /** systemd runs this machine. */
  booted: boolean;
  /** Its own; undefined where there is none. */
  systemdRun: string | undefined;
  uid: number;
  /** Of the user's manager, for everybody but root. */
  runtimeDir: string | undefined;
}

const SHELL = ["/bin/sh"] as const;

export function readScopeFacts(searchPath: () => string, env: Readonly<Record<string, string | undefined>>): ScopeFacts {
  const booted = existsSync("/run/systemd/system");
  return {
    booted,
    systemdRun: booted ? locateProgram(["systemd-run"], searchPath()) : undefined,
    uid: process.getuid?.() ?? 0,
    runtimeDir: env["XDG_RUNTIME_DIR"],
  };
}

/**
 * What runs the runner, best first: the next one is tried when one starts nothing. `open_scope` of the runner knows a scope
 * of ours by its name.
 */
export function runnerShells({ booted, systemdRun, uid, runtimeDir }: ScopeFacts, attempt: string): (readonly string[])[] {
  if (!booted || systemdRun === undefined || (uid !== 0 && runtimeDir === undefined)) return [SHELL];
  const scoped = [
    systemdRun,
    ...(uid === 0 ? [] : ["--user"]),
    "--scope",
    "--quiet",
    "--collect",
    `--unit=maestro-${attempt}`,
    "--property=Delegate=yes",
    "--",
    ...SHELL,
  ];
  return [scoped, SHELL];
}

/** What it runs is in other cgroups than we are. */
export const isScope = (shell: readonly string[]): boolean => shell[0] !== SHELL[0];
