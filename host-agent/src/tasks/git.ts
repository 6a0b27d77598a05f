/** Runs git for a workspace: no hooks, no prompts, no settings of whoever started the daemon. */
import { execFile } from "node:child_process";
import { errnoOf } from "../daemon/durable-file.ts";

export type GitAnswer = { ok: true; out: string } | { ok: false; problem: string; missing: boolean };

const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** The repository's own hooks and monitors are programs; making a directory is no reason to run them. */
const SAFE = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];

export function git(dir: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<GitAnswer> {
  return new Promise((resolve) => {
    execFile(
      "git",
      [...SAFE, "-C", dir, ...args],
      { env: { ...env, GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" }, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ ok: true, out: stdout });
        const said = stderr.trim().split("\n").at(-1) ?? "";
        resolve({ ok: false, problem: (said === "" ? error.message : said).slice(0, 512), missing: errnoOf(error) === "ENOENT" });
      },
    );
  });
}
