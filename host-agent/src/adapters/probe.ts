/** Asks a program for its version: in a process group of its own, with a limit, and without our environment. */
import { spawn } from "node:child_process";
import { noCancel, type Clock } from "../daemon/clock.ts";

export type Probe = { type: "answered"; output: string } | { type: "failed"; problem: string } | { type: "timeout" };

export const PROBE_TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

export interface ProbeLimits {
  clock: Clock;
  /** Aborted, nothing is asked any more: an agent CLI that takes its time must not hold up whoever stops. */
  signal: AbortSignal;
}

export function probeVersion(
  binary: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { clock, signal }: ProbeLimits,
): Promise<Probe> {
  if (signal.aborted) return Promise.resolve({ type: "timeout" });
  return new Promise((resolve) => {
    let cancel = noCancel;
    let output = "";
    const settle = (probe: Probe) => {
      cancel();
      signal.removeEventListener("abort", giveUp);
      resolve(probe);
    };
    const child = spawn(binary, [...args], { cwd: env["HOME"] ?? "/", env: { ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    // The group, not the process: wrappers start the real program as a child that would stay.
    const killGroup = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Already gone.
      }
    };
    const keep = (chunk: Buffer) => {
      if (output.length < MAX_OUTPUT_BYTES) output += chunk.toString("utf8");
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => settle({ type: "failed", problem: `it cannot be started: ${error.message}` }));
    // `exit`, not `close`: a grandchild that keeps the pipe open must not keep us.
    child.once("exit", (code, signal) => {
      setImmediate(() => {
        killGroup();
        child.stdout.destroy();
        child.stderr.destroy();
        const said = output.trim().split("\n")[0]?.slice(0, 200) ?? "";
        if (code === 0) settle({ type: "answered", output });
        else
          settle({
            type: "failed",
            problem: `\`${args.join(" ")}\` ended with ${code === null ? String(signal) : `exit code ${code}`}${said === "" ? "" : `: ${said}`}`,
          });
      });
    });
    const giveUp = () => {
      killGroup();
      settle({ type: "timeout" });
    };
    signal.addEventListener("abort", giveUp, { once: true });
    cancel = clock.after(PROBE_TIMEOUT_MS, giveUp);
  });
}
