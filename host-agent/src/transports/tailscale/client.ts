/** The `tailscale` program of this machine: what it says of the tailnet. */
import { execFile } from "node:child_process";
import { maestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { err, ok, type Result } from "@maestro/shared/result";
import { notRunning, parseStatus, type Status } from "./status.ts";

export type Env = Readonly<Record<string, string | undefined>>;

const STATUS_MS = 10_000;
/** A large tailnet has a kilobyte for each of some thousand machines. */
const MAX_STATUS_BYTES = 32 * 1024 * 1024;
/** What it and the ssh that it starts may need; the rest of our environment may hold secrets. */
const PASSED = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"];

export const passedEnv = (env: Env): Record<string, string> =>
  Object.fromEntries(
    PASSED.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

/** Errors: `tailscale_not_running`, also where it gives no answer. */
export function readStatus(program: string, env: Env): Promise<Result<Status>> {
  return new Promise((resolve) => {
    const options = { env: passedEnv(env), cwd: "/", timeout: STATUS_MS, killSignal: "SIGKILL", maxBuffer: MAX_STATUS_BYTES } as const;
    // How it ends says nothing: 1 is also that of a status that it told.
    execFile(program, ["status", "--json"], options, (error, stdout, stderr) => {
      const status = parseStatus(stdout);
      if (status !== undefined) return resolve(ok(status));
      if (error?.killed === true) return resolve(err(notRunning(`\`tailscale status\` did not answer within ${STATUS_MS / 1000} s`)));
      if (error !== null && typeof error.code === "string")
        return resolve(err(maestroError("spawn_failed", `${program} cannot be started: ${error.message}.`, { field: "via" })));
      const said = escapeUnsafe(stderr.trim().slice(-512)).replace(/\.$/, "");
      resolve(err(notRunning(said === "" ? "`tailscale status` told nothing that can be read" : said)));
    });
  });
}
