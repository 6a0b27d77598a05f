/** What ends the daemon, and how politely: the first request drains, the second one does not wait. */
import type { Readable } from "node:stream";
import type { ExitReason } from "./run.ts";

export interface StopSources {
  process: NodeJS.Process;
  stdin: Readable;
  exitOnStdinEnd: boolean;
}

export interface StopRequest {
  reason: Promise<ExitReason>;
  /** SIGHUP, or a new version appeared. */
  upgrade(): void;
  dispose(): void;
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** 128 + SIGINT: what a shell expects of something interrupted. */
const INTERRUPTED = 130;

export function awaitStop({ process, stdin, exitOnStdinEnd }: StopSources): StopRequest {
  const { promise, resolve } = Promise.withResolvers<ExitReason>();
  let asked = false;
  const stop = (signal: NodeJS.Signals) => {
    // The user means it: whatever hangs is left to the kernel. Nothing is lost, the holder lives on.
    if (asked) process.exit(INTERRUPTED);
    asked = true;
    resolve({ type: "signal", signal });
  };
  const upgrade = () => resolve({ type: "upgrade" });
  const ended = () => resolve({ type: "stdin_closed" });
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.on("SIGHUP", upgrade);
  if (exitOnStdinEnd) {
    stdin.on("end", ended);
    stdin.on("close", ended);
    stdin.on("error", ended);
    stdin.resume();
  }
  return {
    reason: promise,
    upgrade,
    dispose() {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
      process.off("SIGHUP", upgrade);
      stdin.off("end", ended);
      stdin.off("close", ended);
      stdin.off("error", ended);
      if (exitOnStdinEnd) stdin.pause();
    },
  };
}
