/** What a clean-up did, as a person reads it: place by place. Pure. */
import type { CleanupResult } from "./tasks.ts";

export type CleanedItem = CleanupResult["items"][number];

/** Several attempts may have worked in one place, and only one of them finds it there. */
export function eachPlace(items: readonly CleanedItem[]): CleanedItem[] {
  const isSame = (a: CleanedItem, b: CleanedItem): boolean => a.workspace !== undefined && a.workspace === b.workspace && a.host === b.host;
  return items.filter(
    (item, at) => item.outcome !== "absent" || !items.some((other, i) => isSame(item, other) && (other.outcome !== "absent" || i < at)),
  );
}

/** Hosts where it has to be done again, each once. */
export const unreachedHosts = (items: readonly CleanedItem[]): string[] => [
  ...new Set(items.flatMap(({ outcome, host }) => (outcome === "unreachable" ? [host] : []))),
];
