/** The host daemon as a process: runs until a signal, the end of its parent, or a new version. */
import { systemClock } from "./clock.ts";
import { countBuffersAsHeap } from "./heap.ts";
import { startHostAgent, type HostAgentParts } from "./host-agent.ts";
import { openHolderProcess } from "./open-holder.ts";
import { awaitStop } from "./shutdown.ts";
import { becomeNewVersion, watchCurrent } from "./upgrade.ts";

export interface HostAgentOptions extends HostAgentParts {
  /** The arguments of this process, repeated by an upgrade: `["host", "run", …]`. */
  args: readonly string[];
  /** Under `maestro up`: the end of standard input means that the parent is gone. */
  exitOnStdinEnd: boolean;
}

/** `upgrade` comes back only where the process could not replace itself: exit, and let the supervisor start the new version. */
export type ExitReason = { type: "signal"; signal: NodeJS.Signals } | { type: "stdin_closed" } | { type: "upgrade" };

/** Runs until told to stop. Refusals (not joined, already running, insecure files) are thrown as `MaestroFailure`. */
export async function runHostAgent(options: HostAgentOptions): Promise<ExitReason> {
  const { paths, log, program, args } = options;
  countBuffersAsHeap();
  const stop = awaitStop({ process, stdin: process.stdin, exitOnStdinEnd: options.exitOnStdinEnd });
  const unwatch = watchCurrent(paths.currentLink, systemClock, options.settings.timeScale, stop.upgrade);
  try {
    const agent = startHostAgent(options, openHolderProcess(paths, program));
    const reason = await Promise.race([stop.reason, agent.failed]);
    log.info("stopping", { why: reason.type });
    await agent.stop();
    if (reason.type === "upgrade") becomeNewVersion(program, args, log);
    return reason;
  } finally {
    unwatch();
    stop.dispose();
  }
}
