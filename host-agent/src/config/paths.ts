/** Where everything lives on this machine: all below MAESTRO_HOME, or /etc and /var/lib for a system service. */
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";

/** `user`: one person's home. `system`: a service that belongs to the machine. */
export type PathScope = "user" | "system";

export interface Paths {
  scope: PathScope;
  /** State: identity, rings' sockets, logs, embedded control plane. 0700. */
  home: string;
  /** Configuration: profiles, policy, types. The same directory as `home` but for a system service. */
  configDir: string;
  /** Sockets; short, because a Unix socket's path is at most about 100 bytes. */
  runDir: string;
  hostDir: string;
  /** One directory per attempt: what of it is on disk, outside the workspace. */
  attemptsDir: string;
  /** The runner's program, by its digest: a running one must not change under an upgrade. */
  runnerDir: string;
  logsDir: string;
  binDir: string;
  /** The embedded control plane's state. */
  upDir: string;
  configFile: string;
  profilesFile: string;
  /** The host-local policy that no control plane can override. */
  policyFile: string;
  /** Agent type files, later directories win. */
  agentTypeDirs: readonly string[];
  identityFile: string;
  /** [F37] A rotated key waits here until the control plane has taken it. */
  nextKeyFile: string;
  startCounterFile: string;
  daemonLockFile: string;
  /** Used when the state directory takes no writes. */
  fallbackLockFile: string;
  spareCounterFile: string;
  hostLog: string;
  upLog: string;
  /** What `$MAESTRO_HOME/bin/maestro` is. */
  cliFile: string;
  /** Symlink to the installed version that is in force; a change of it upgrades a running daemon. */
  currentLink: string;
}

/** Bytes a socket path may have, below the 104 of macOS and the 108 of Linux. */
const MAX_SOCKET_PATH_BYTES = 100;
const LONGEST_SOCKET_NAME = "/holder-99.sock";
const SYSTEM_CONFIG = "/etc/maestro";
const SYSTEM_STATE = "/var/lib/maestro";

export interface PathInputs {
  env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  userHome: string;
  uid: number;
  tmpDir: string;
  scope: PathScope;
}

export function derivePaths({ env, userHome, uid, tmpDir, scope }: PathInputs): Paths {
  const chosen = env["MAESTRO_HOME"];
  const own = chosen === undefined || chosen === "" ? path.join(userHome, ".maestro") : path.resolve(chosen);
  const home = scope === "system" ? SYSTEM_STATE : own;
  const configDir = scope === "system" ? SYSTEM_CONFIG : own;
  const runDir = shortRunDir(home, uid, tmpDir);
  const hostDir = path.join(home, "host");
  const logsDir = path.join(home, "logs");
  const binDir = path.join(home, "bin");
  return {
    scope,
    home,
    configDir,
    runDir,
    hostDir,
    attemptsDir: path.join(hostDir, "attempts"),
    runnerDir: path.join(hostDir, "runner"),
    logsDir,
    binDir,
    upDir: path.join(home, "up"),
    configFile: path.join(configDir, "config.json"),
    profilesFile: path.join(configDir, "profiles.json"),
    policyFile: path.join(configDir, "policy.yaml"),
    agentTypeDirs: [path.join(SYSTEM_CONFIG, "agents.d"), ...(scope === "system" ? [] : [path.join(home, "agents.d")])],
    identityFile: path.join(hostDir, "identity.json"),
    nextKeyFile: path.join(hostDir, "next-key.json"),
    startCounterFile: path.join(hostDir, "start-counter"),
    daemonLockFile: path.join(hostDir, "daemon.lock"),
    fallbackLockFile: path.join(shortDir(home, uid, tmpDir), "daemon.lock"),
    spareCounterFile: path.join(shortDir(home, uid, tmpDir), "start-counter"),
    hostLog: path.join(logsDir, "host.log"),
    upLog: path.join(logsDir, "up.log"),
    cliFile: path.join(binDir, "maestro"),
    currentLink: path.join(home, "current"),
  };
}

/** A deep MAESTRO_HOME still gets sockets: their directory then moves to the temporary one, under a name derived from the home. */
function shortRunDir(home: string, uid: number, tmpDir: string): string {
  const beside = path.join(home, "run");
  if (Buffer.byteLength(beside + LONGEST_SOCKET_NAME) <= MAX_SOCKET_PATH_BYTES) return beside;
  const short = shortDir(home, uid, tmpDir);
  return Buffer.byteLength(short + LONGEST_SOCKET_NAME) <= MAX_SOCKET_PATH_BYTES ? short : shortDir(home, uid, "/tmp");
}

const shortDir = (home: string, uid: number, tmpDir: string): string =>
  path.join(tmpDir, `maestro-${uid}-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`);

/** Makes a directory that only its owner may enter; refuses one that somebody else made first. */
export function ensurePrivateDir(dir: string, uid: number): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  if (!found.isDirectory()) throw fail("insecure_permissions", `'${dir}' is not a directory.`, { field: dir });
  if (found.uid !== uid && uid !== 0)
    throw fail("insecure_permissions", `'${dir}' belongs to another user (uid ${found.uid}).`, {
      field: dir,
      hint: "Set MAESTRO_HOME to a directory of your own.",
    });
  if ((found.mode & 0o077) !== 0) chmodSync(dir, 0o700);
}
