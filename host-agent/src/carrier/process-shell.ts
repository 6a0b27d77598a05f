/** Scripts on this machine, as a far side: what stands before them leads into a container here. */
import { spawn, type ChildProcess } from "node:child_process";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Ran, RemoteShell } from "./remote-shell.ts";

const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_STDERR_BYTES = 64 * 1024;
const SHELL = "/bin/sh";

/** Which engine the host-agent's own environment names. */
export function engineEnv(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    ["DOCKER_HOST", "CONTAINER_HOST"].flatMap((name) => {
      const value = own[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** @param env of the scripts: where the runtime is, and which one. */
export function processShell(env: () => Readonly<Record<string, string | undefined>>, clock: Clock): RemoteShell {
  const start = (script: string, args: readonly string[]): ChildProcess => {
    const child = spawn(SHELL, ["-c", script, "hand", ...args], {
      cwd: "/",
      env: { ...env() },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    // It ended before it had read all: its exit says so.
    child.stdin?.on("error", () => {});
    return child;
  };
  return {
    run: (script, args, { stdin, deadlineMs, signal }) =>
      new Promise<Result<Ran>>((resolve) => {
        const child = start(script, args);
        const out = collect(child.stdout, MAX_OUTPUT_BYTES);
        const errors = collect(child.stderr, MAX_STDERR_BYTES);
        const settle = (result: Result<Ran>): void => {
          cancel();
          signal.removeEventListener("abort", giveUp);
          resolve(result);
        };
        const giveUp = (): void => {
          killGroup(child);
          settle(err(maestroError("timeout", "What was started was given up.")));
        };
        const cancel = clock.after(deadlineMs, () => {
          killGroup(child);
          settle(err(maestroError("timeout", `A script did not end within ${deadlineMs / 1000} s; it was ended.`)));
        });
        signal.addEventListener("abort", giveUp, { once: true });
        child.once("error", (cause) => settle(err(cannotStart(cause))));
        child.once("close", (code, killed) => {
          const exit: Ran["exit"] = code === null ? { type: "signal", signal: killed ?? "unknown" } : { type: "exit", code };
          settle(ok({ exit, stdout: Buffer.concat(out), stderr: Buffer.concat(errors).toString("utf8") }));
        });
        child.stdin?.end(stdin ?? new Uint8Array());
        if (signal.aborted) giveUp();
      }),

    async open(script, args, { data, signal }) {
      const child = start(script, args);
      child.stdout?.on("data", data);
      child.stderr?.resume();
      const abort = (): void => killGroup(child);
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      const closed = new Promise<MaestroError | undefined>((resolve) => {
        child.once("error", (cause) => resolve(cannotStart(cause)));
        child.once("close", () => resolve(undefined));
      }).finally(() => signal.removeEventListener("abort", abort));
      return ok({ write: (text) => void child.stdin?.write(text), close: () => void child.stdin?.end(), closed });
    },
  };
}

/** All of it up to a limit; what is more is read and dropped. */
function collect(stream: ChildProcess["stdout"], limit: number): Buffer[] {
  const kept: Buffer[] = [];
  let bytes = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (bytes >= limit) return;
    kept.push(chunk.subarray(0, limit - bytes));
    bytes += chunk.byteLength;
  });
  return kept;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

const cannotStart = (cause: Error): MaestroError => maestroError("spawn_failed", `${SHELL} cannot be started: ${cause.message}.`);
