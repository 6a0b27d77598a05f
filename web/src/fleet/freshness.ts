/** Whether the shown numbers can still be believed. Pure. */
import type { ConnectionState } from "../net/connection.ts";
import { isSilent, type Liveness } from "../net/liveness.ts";

export interface Known {
  load: { type: "loading" | "ready" | "failed" | "stale" };
  connection: Pick<ConnectionState, "type">;
  liveness: Readonly<Liveness>;
  /** Unix ms of the moment the oldest of the lists was fetched. */
  fetchedAtMs: number | undefined;
}

/** A socket that redials within this changes nothing a person could have misread. */
const GRACE_MS = 2_000;

/** Since when (Unix ms) the lists are only what was true then; undefined while they are live, or nothing is shown. */
export function staleSince(known: Known, now: { wallMs: number; monotonicMs: number }): number | undefined {
  const { load, connection, liveness, fetchedAtMs } = known;
  if (fetchedAtMs === undefined || load.type === "loading" || load.type === "failed") return undefined;
  const heard = load.type === "ready" && connection.type === "open" && !isSilent(liveness, now.monotonicMs);
  return heard || now.wallMs - fetchedAtMs < GRACE_MS ? undefined : fetchedAtMs;
}
