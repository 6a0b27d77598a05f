/** This machine's side of an ssh_config(5): whose it is, where it lies, and how its Match exec is run. */
import { spawn } from "node:child_process";
import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { ConfigFile } from "./load.ts";
import type { LocalUser } from "./tokens.ts";

export function localUser(env: Readonly<Record<string, string | undefined>>): LocalUser {
  const { username, uid } = userInfo();
  return { name: username, uid, home: env["HOME"] ?? homedir(), hostname: hostname(), env };
}

export const configFiles = (home: string): [own: ConfigFile, ...system: ConfigFile[]] => [
  { path: join(home, ".ssh", "config"), kind: "user" },
  { path: "/etc/ssh/ssh_config", kind: "system" },
];

const MATCH_TIMEOUT_MS = 10_000;
/** What such a command may need; the rest of our environment may hold secrets. */
const PASSED = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"];

/** As ssh does it: by the user's shell, its output going nowhere; one that takes too long has not succeeded. */
export const matchRunner =
  (env: Readonly<Record<string, string | undefined>>) =>
  (command: string): Promise<boolean> =>
    new Promise((resolve) => {
      const passed = Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
      const child = spawn(env["SHELL"] ?? "/bin/sh", ["-c", command], {
        env: passed,
        stdio: "ignore",
        timeout: MATCH_TIMEOUT_MS,
        killSignal: "SIGKILL",
      });
      child.once("error", () => resolve(false));
      child.once("exit", (code) => resolve(code === 0));
    });
