/** Which news of a session are worth a row and an event, and which only those who watch need to hear. */
import type { SessionInfo } from "@maestro/shared/protocol/session";

export type SessionChange =
  | "created"
  | "ended"
  /** Title, directory, size or command: told to viewers at once, to the fleet at a coarse rate. */
  | "updated"
  /** Only that something happened in it. */
  | "activity";

/** What the fleet is told, sooner or later. */
export type ToldChange = Exclude<SessionChange, "activity">;

/** What is still to be told when more happened before it was. */
export function untoldAfter(untold: ToldChange | undefined, change: SessionChange): ToldChange | undefined {
  if (change === "activity") return untold;
  return untold === undefined || change === "ended" ? change : untold;
}

/** An agent's title may spin several times a second; the fleet hears of it this often. */
export const UPDATE_EVERY_MS = 5_000;

export function sessionChange(old: SessionInfo | undefined, now: SessionInfo): SessionChange {
  if (old === undefined) return "created";
  if (old.end === undefined && now.end !== undefined) return "ended";
  const same =
    old.name === now.name &&
    old.title === now.title &&
    old.cwd === now.cwd &&
    old.command === now.command &&
    old.cols === now.cols &&
    old.rows === now.rows &&
    old.epoch === now.epoch &&
    old.backend === now.backend &&
    old.agent === now.agent &&
    old.end?.reason === now.end?.reason;
  return same ? "activity" : "updated";
}
