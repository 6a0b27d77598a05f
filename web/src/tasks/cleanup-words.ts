/** What a clean-up did, place by place, in words. Pure. */
import { eachPlace, type CleanedItem } from "@maestro/shared/contract/cleaned";
import type { CleanupResult } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Shade } from "./words.ts";

export interface CleanedPlace {
  attempt: string;
  outcome: CleanedItem["outcome"];
  label: string;
  shade: Shade;
  /** The directory, as far as it is known. */
  place: string;
  host: string;
  /** Why, and what else is to be known; empty: nothing. */
  note: string;
}

export function cleanedPlaces({ items }: CleanupResult): CleanedPlace[] {
  return eachPlace(items).map((item) => ({
    attempt: item.attempt,
    outcome: item.outcome,
    ...WORDS[item.outcome],
    place: stripUnsafe(item.workspace ?? item.attempt, 4096),
    host: item.host,
    note: [
      item.detail === undefined ? "" : stripUnsafe(item.detail, 1024),
      item.logKept && item.outcome !== "unreachable" ? "Its log stays on the host." : "",
    ]
      .filter((part) => part !== "")
      .join(" "),
  }));
}

const WORDS: Record<CleanedItem["outcome"], { label: string; shade: Shade }> = {
  removed: { label: "removed", shade: "ok" },
  kept: { label: "kept", shade: "warn" },
  absent: { label: "not there any more", shade: "" },
  unreachable: { label: "not reached", shade: "danger" },
};
