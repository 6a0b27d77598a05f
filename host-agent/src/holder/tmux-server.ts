/** Our own tmux server: how it is started, configured and asked; never the user's. */
import { execFile } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import * as path from "node:path";
import { HISTORY_LIMIT_LINES } from "@maestro/shared/limits";
import { spawnShielded } from "./shielded-spawn.ts";

/** What a window of a session whose program ended is renamed to: the only sign that control mode gives at once. */
export const DEAD_WINDOW = "maestro-ended";

/**
 * Set before every session that is made, `-q` because older versions lack some. Not `window-size manual`:
 * tmux 3.3a crashes on it when a control client makes a session; `resize-window` sets it per window.
 */
const OPTIONS: readonly (readonly string[])[] = [
  ["set", "-sq", "exit-empty", "off"],
  ["set", "-sq", "escape-time", "0"],
  ["set", "-sq", "set-clipboard", "off"],
  ["set", "-gq", "history-limit", String(HISTORY_LIMIT_LINES)],
  ["set", "-gq", "remain-on-exit", "on"],
  ["set", "-gq", "remain-on-exit-format", ""],
  ["set", "-gq", "status", "off"],
  ["set", "-gq", "allow-passthrough", "off"],
  ["set", "-gq", "allow-rename", "off"],
  ["set", "-gq", "automatic-rename", "off"],
  ["set", "-gq", "destroy-unattached", "off"],
  ["set", "-gq", "update-environment", ""],
  // The bytes go to xterm.js as they are, and its keys come back as they are: tmux is no terminal of its own here.
  ["set", "-gq", "default-terminal", "xterm-256color"],
  // tmux 3.3a writes to a dead pane, and ends with all its sessions, when that wanted to be told of the focus and its client
  // goes: it is reset first. Not while no holder is there: the next one has its last screen from here.
  // Renamed by way of `run-shell`: what a hook does by itself is not notified to anybody; and then it has no target of its own.
  [
    "set-hook",
    "-g",
    "pane-died",
    `if -F '#{session_attached}' 'send-keys -R' ; run-shell -b -C "rename-window -t '#{hook_pane}' ${DEAD_WINDOW}"`,
  ],
];

export interface TmuxServer {
  /** A control client, making a session or attaching to one. */
  control(command: readonly string[]): ChildProcess;
  /** One command of a client of its own; undefined when it failed, as it does when no server runs. */
  query(command: readonly string[]): Promise<string | undefined>;
}

/** @param env scrubbed: the first client's becomes every session's. @param program `tmux`, found already. */
export function ownTmuxServer(program: string, socket: string, env: Readonly<Record<string, string>>): TmuxServer {
  const base = ["-S", socket, "-f", "/dev/null", "-u"];
  const options = OPTIONS.flatMap((words) => [...words, ";"]);
  return {
    control: (command) =>
      spawnShielded(program, [...base, "-C", "start-server", ";", ...options, ...command], { cwd: "/", env: { ...env }, detached: true }, [
        "pipe",
        "pipe",
        "pipe",
      ]),
    query: (command) => query(program, [...base, ...command], env),
  };
}

const QUERY_TIMEOUT_MS = 5_000;
const QUERY_MAX_BYTES = 8 * 1024 * 1024;

/** The user's default server: asked only; `list-sessions` and `display-message` start none. */
export function userTmuxServer(program: string, socket: string, env: Readonly<Record<string, string>>): Pick<TmuxServer, "query"> {
  return { query: (command) => query(program, ["-u", "-S", socket, ...command], env) };
}

export interface FoundTmux {
  program: string;
  /** As `tmux -V` says, `tmux 3.3a`. */
  version: string;
}

/** Undefined where there is none on the PATH, or none that runs. */
export async function findTmux(env: Readonly<Record<string, string>>): Promise<FoundTmux | undefined> {
  for (const dir of (env["PATH"] ?? "").split(path.delimiter)) {
    const program = path.join(dir, "tmux");
    if (!existsSync(program)) continue;
    const version = await query(program, ["-V"], env);
    if (version !== undefined) return { program, version: version.trim() };
  }
  return undefined;
}

function query(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...args], { env: { ...env }, cwd: "/", timeout: QUERY_TIMEOUT_MS, maxBuffer: QUERY_MAX_BYTES }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}
