/** Finds the holder of this home, or starts one that outlives whoever asked. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { err, type Result } from "@maestro/shared/result";
import type { HolderClient } from "./client.ts";
import { connectHolder } from "./connect.ts";
import { baseEnv } from "./launch.ts";
import { prepareHolderDirs } from "./paths.ts";
import { lockOwner } from "./process-lock.ts";
import { refuseSpawn } from "./spawn-refusal.ts";
import type { HolderEvents, HolderPaths } from "./types.ts";

/** From start to listening; adopting many tmux sessions takes some of it. */
const START_TIMEOUT_MS = 15_000;
const POLL_MS = 25;
/** Of the asker's environment, what a holder needs to know: nothing secret is among it. */
const PASSED_ON = ["MAESTRO_HOME", "MAESTRO_LOG_LEVEL", "TMUX_TMPDIR", "NODE_EXTRA_CA_CERTS"];

/**
 * Connects; starts a detached holder when nobody listens. Any number may do so at once: the holders
 * themselves settle by their lock who stays. A holder of the version before keeps its sessions and is used.
 *
 * @param launch whole argv of the holder, `[process.execPath, entry, "holder", "--home", home]`.
 */
export async function ensureHolder(
  paths: HolderPaths,
  launch: readonly string[],
  events: HolderEvents,
  signal?: AbortSignal,
): Promise<Result<HolderClient>> {
  const found = await connectHolder(paths, events, signal);
  if (found.ok || found.error.code !== "not_running") return found;
  let started = start(paths, launch);
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const ended = await Promise.race([started, delay(POLL_MS, "waiting" as const)]);
    const client = await connectHolder(paths, events, signal);
    if (client.ok || client.error.code !== "not_running") return client;
    if (ended === "beside another") {
      // The other one was ending, and has ended.
      if (lockOwner(paths.lock) === undefined) started = start(paths, launch);
      else await delay(POLL_MS);
    } else if (ended !== "waiting") return err(ended);
    if (signal?.aborted === true || Date.now() > deadline) {
      const other = lockOwner(paths.lock)?.pid;
      const why = other === undefined ? "" : `: process ${other} holds its lock`;
      return err(
        maestroError("timeout", `The holder did not listen on '${paths.socket}' in ${START_TIMEOUT_MS / 1_000} s${why}.`, {
          hint: `Its log is '${paths.log}'.`,
        }),
      );
    }
  }
}

/** Resolves when it failed, or ended because it found another one alive: that exits with 0. */
function start(paths: HolderPaths, launch: readonly string[]): Promise<MaestroError | "beside another"> {
  const [file = process.execPath, ...args] = launch;
  return new Promise((resolve) => {
    let log: number | undefined;
    try {
      prepareHolderDirs(paths);
      log = openLog(paths.log);
      const child = spawn(file, args, { cwd: "/", detached: true, env: holderEnv(), stdio: ["ignore", log ?? "ignore", log ?? "ignore"] });
      child.once("error", (cause) => resolve(refuseSpawn({ argv: launch, cwd: "/" }, cause)));
      child.once("exit", (code, by) => {
        if (code === 0) resolve("beside another");
        else
          resolve(maestroError("internal", `The holder ended at once (${by ?? `exit ${code}`}).`, { hint: `Its log is '${paths.log}'.` }));
      });
      child.unref();
    } catch (cause) {
      resolve(cause instanceof MaestroFailure ? cause.error : refuseSpawn({ argv: launch, cwd: "/" }, cause));
    } finally {
      if (log !== undefined) closeSync(log);
    }
  });
}

/** A disk without room must not keep anybody from a terminal. */
function openLog(file: string): number | undefined {
  try {
    return openSync(file, "a", 0o600);
  } catch {
    return undefined;
  }
}

function holderEnv(): Record<string, string> {
  const env = baseEnv(process.env);
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
