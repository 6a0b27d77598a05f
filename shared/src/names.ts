/** Names people give, and the tree they make (`level1-level2-name`). */

/** Hosts, agents, types: also safe as a file name and as an argument. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Session names are freer: people write them for people. No control characters, no leading dash, colon or dot (tmux). */
export const SESSION_NAME_PATTERN = /^[\p{L}\p{N}_][\p{L}\p{N} _@+/-]{0,62}$/u;

/** The nearest name to what people wrote elsewhere, where dots and capitals are names too; empty where nothing of it can stand. */
export const nameFrom = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63);

export interface TreePlace {
  group: string;
  subgroup: string | undefined;
  label: string;
}

/** `customers-zoom-backend` → customers / zoom / backend; fewer than three parts are `ungrouped`. */
export function treePlace(name: string): TreePlace {
  const parts = name.split("-");
  const [group, subgroup, ...rest] = parts;
  if (group === undefined || subgroup === undefined || rest.length === 0 || parts.includes("")) {
    return { group: "ungrouped", subgroup: undefined, label: name };
  }
  return { group, subgroup, label: rest.join("-") };
}

/** Palette entry 0–7 of a group, from a 32-bit `31·h + char` over its name. */
export function colourIndex(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return Math.abs(hash) % 8;
}

/** Up to `count` candidates nearest to what was typed, nearest first; none when nothing is close. */
export function nearest(typed: string, candidates: readonly string[], count = 3): string[] {
  return candidates
    .map((candidate) => ({ candidate, distance: editDistance(typed.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 2)))
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitute));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
