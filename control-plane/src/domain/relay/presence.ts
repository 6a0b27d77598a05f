/** [LK4] Presence is computed from the last sign of life when it is read; nothing is stored for it. */
import { ONLINE_FOR_MS, STALE_FOR_MS } from "@maestro/shared/limits";
import type { Presence } from "@maestro/shared/contract/resources";

/** @param scale tests shorten all times by it. */
export function presenceAt(lastSeenMs: number | undefined, nowMs: number, scale = 1): Presence {
  if (lastSeenMs === undefined) return "never";
  const silentMs = nowMs - lastSeenMs;
  if (silentMs < ONLINE_FOR_MS * scale) return "online";
  return silentMs < STALE_FOR_MS * scale ? "stale" : "lost";
}

/**
 * Since when nothing was heard of a host whose link is not open. A link that went without a word went with the process
 * that held it, and nobody can say how long ago: the host counts as silent for just as long as makes it stale, that is
 * unconfirmed, and is given the time to come back that any other has before it is lost.
 *
 * @param goneMs when the link was found gone; undefined: its end was seen, or it is open.
 */
export function silentSinceMs(lastSeenMs: number | undefined, goneMs: number | undefined, scale = 1): number | undefined {
  return goneMs === undefined ? lastSeenMs : goneMs - ONLINE_FOR_MS * scale;
}

/** @param goneMs may be later than `nowMs`: it is found by asking, and whoever asks looked at the clock before. */
export function presenceSince(lastSeenMs: number | undefined, goneMs: number | undefined, nowMs: number, scale = 1): Presence {
  return presenceAt(silentSinceMs(lastSeenMs, goneMs, scale), Math.max(nowMs, goneMs ?? nowMs), scale);
}

/** When presence changes next if nothing is heard; undefined: never again. */
export function nextChangeMs(lastSeenMs: number | undefined, nowMs: number, scale = 1): number | undefined {
  if (lastSeenMs === undefined) return undefined;
  switch (presenceAt(lastSeenMs, nowMs, scale)) {
    case "online":
      return lastSeenMs + ONLINE_FOR_MS * scale;
    case "stale":
      return lastSeenMs + STALE_FOR_MS * scale;
    case "lost":
    case "never":
      return undefined;
  }
}
