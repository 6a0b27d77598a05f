/** What a clean-up did, place by place, in words. Pure. */
import type { CleanupResult } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Shade } from "./words.ts";

type Item = CleanupResult["items"][number];

export interface CleanedPlace {
  attempt: string;
  outcome: Item["outcome"];
  label: string;
  shade: Shade;
  /** The directory, as far as it is known. */
  place: string;
  host: string;
  /** Why, and what else is to be known; empty: nothing. */
  note: string;
}

/** Several attempts may have worked in one place, and only one of them finds it there. */
export function cleanedPlaces({ items }: CleanupResult): CleanedPlace[] {
  const isSame = (a: Item, b: Item): boolean => a.workspace !== undefined && a.workspace === b.workspace && a.host === b.host;
  return items
    .filter(
      (item, at) => item.outcome !== "absent" || !items.some((other, i) => isSame(item, other) && (other.outcome !== "absent" || i < at)),
    )
    .map((item) => ({
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

/** Hosts where it has to be done again, each once. */
export const unreached = ({ items }: CleanupResult): string[] => [
  ...new Set(items.flatMap(({ outcome, host }) => (outcome === "unreachable" ? [host] : []))),
];

const WORDS: Record<Item["outcome"], { label: string; shade: Shade }> = {
  removed: { label: "removed", shade: "ok" },
  kept: { label: "kept", shade: "warn" },
  absent: { label: "not there any more", shade: "" },
  unreachable: { label: "not reached", shade: "danger" },
};
