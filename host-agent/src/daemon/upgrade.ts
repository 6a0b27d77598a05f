/**
 * Upgrade in place: this process becomes the new version, with the same pid, arguments and parent. Terminals do
 * not notice: the holder owns them, and the new process resumes each stream from its offset.
 */
import { realpathSync } from "node:fs";
import type { Cancel, Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/** How often the `current` link is looked at. */
const LOOK_EVERY_MS = 5_000;

/** Calls `changed` once when the link leads elsewhere than at the start. A link that goes away changes nothing. */
export function watchCurrent(link: string, clock: Clock, timeScale: number, changed: () => void): Cancel {
  const first = targetOf(link);
  let cancel: Cancel;
  const look = () => {
    const now = targetOf(link);
    if (first !== undefined && now !== undefined && now !== first) return changed();
    cancel = clock.after(LOOK_EVERY_MS * timeScale, look);
  };
  cancel = clock.after(LOOK_EVERY_MS * timeScale, look);
  return () => cancel();
}

/** Returns only where the process cannot replace itself; whoever supervises it then starts the new version. */
export function becomeNewVersion(program: readonly string[], args: readonly string[], log: Log): void {
  const [file] = program;
  if (file === undefined || process.execve === undefined) return;
  log.info("upgrading in place", { program: program.at(-1) });
  try {
    process.execve(file, [...program, ...args], process.env);
  } catch (cause) {
    log.error("the new version cannot be executed", { cause: cause instanceof Error ? cause.message : String(cause) });
  }
}

function targetOf(link: string): string | undefined {
  try {
    return realpathSync(link);
  } catch {
    return undefined;
  }
}
