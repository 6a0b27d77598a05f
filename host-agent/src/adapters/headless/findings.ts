/** What an agent CLI's output says of how its work went. */
import type { TaskReason, Usage } from "@maestro/shared/contract/tasks";

export interface Findings {
  result?: string;
  usage?: Usage;
  /** The CLI's own session, to go on from. */
  session?: string;
  /** It says so itself, whatever it exits with. */
  failure?: TaskReason;
  /** It came to its own end: without that, an exit with 0 is no success. */
  finished?: boolean;
}

/** Fed with each JSON object that stands in the output, in order; keeps a few words, never all of them. */
export interface EventReader {
  event(event: Readonly<Record<string, unknown>>): void;
  findings(nowMs: number): Findings;
}

/** Without fields that are not known: absent is not undefined on the wire. */
export function usageOf(parts: { [K in keyof Usage]: Usage[K] | undefined }): { usage?: Usage } {
  const known = Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined && Number.isFinite(value) && value >= 0),
  );
  return Object.keys(known).length === 0 ? {} : { usage: known };
}
