/** Runs one program for the house's scripts: argv only, never a shell, output kept in the order it came. */
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface CommandOptions {
  env?: Record<string, string>;
  /** Written to the program's stdin, which is then closed; without it stdin is empty. */
  input?: string;
  /** Also pass the output through as it comes. */
  live?: boolean;
  /** Milliseconds until the program is ended and reported as failed. */
  timeoutMs?: number;
  cwd?: string;
}

export interface CommandOutcome {
  code: number;
  /** stdout and stderr together; at most the last 256 KiB. */
  output: string;
}

const KEEP_CHARS = 256 * 1024;
const KILL_AFTER_MS = 5_000;

export function runCommand(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<CommandOutcome> {
  const [file, ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, PATH: searchPath(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    let timedOut = false;
    const take = (to: NodeJS.WriteStream) => (chunk: string) => {
      output = (output + chunk).slice(-KEEP_CHARS);
      if (options.live === true) to.write(chunk);
    };
    child.stdout.setEncoding("utf8").on("data", take(process.stdout));
    child.stderr.setEncoding("utf8").on("data", take(process.stderr));
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill("SIGTERM");
            setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
          }, options.timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ code: 127, output: `${output}${file}: ${error.message}\n` });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      const seconds = (options.timeoutMs ?? 0) / 1000;
      resolve(timedOut ? { code: 124, output: `${output}\n${file} was ended after ${seconds} s\n` } : { code: code ?? 1, output });
    });
    // The program may not read its input at all; that is its business.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}

/** The workspace's own tools and Node first, whatever the system has; Debian's administration tools last. */
function searchPath(): string {
  return [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter);
}
