/** ProxyCommand of the user's own ssh_config: a process whose stdin and stdout are the connection. */
import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { within, type Limits } from "./deadline.ts";

/** What such a command may need; the rest of our environment holds tokens and keys of agents. */
const PASSED = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TMPDIR",
  "TZ",
  "SSH_AUTH_SOCK",
  "XDG_RUNTIME_DIR",
];

/** For what a process says as it ends. */
const LAST_WORDS_MS = 1_000;

export interface ProxyProcess {
  stream: Duplex;
  /** Once it has ended, or soon: the end of what it said on stderr, for people. */
  said(limits: Limits): Promise<string>;
}

/** @param line as ssh_config(5) has it, its tokens replaced. It ends with the stream. */
export function runProxyCommand(line: string, env: Readonly<Record<string, string | undefined>>): ProxyProcess {
  const passed = Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  // A group of its own: what the shell starts goes with it.
  const child = spawn("/bin/sh", ["-c", `exec ${line}`], { env: passed, stdio: ["pipe", "pipe", "pipe"], detached: true });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = `${said}${chunk.toString("utf8")}`.slice(-2048)));
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  const end = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // Gone by itself.
    }
  };
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on("error", () => {});
  child.once("error", (cause) => stream.destroy(cause));
  stream.once("close", end);
  const over = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    stream,
    async said(limits) {
      await within(over, LAST_WORDS_MS, limits);
      return said.trim();
    },
  };
}
