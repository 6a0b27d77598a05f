/** Names of sessions: unique among those that run, and given here, where all of them are known at once. */

/** As SESSION_NAME_PATTERN allows. */
const MAX_NAME_CHARS = 63;

/** The wanted name, also when it is taken, unless a numbered one may stand in for it. */
export function chooseName({ name, orNumbered }: { name: string; orNumbered?: string | undefined }, taken: ReadonlySet<string>): string {
  if (orNumbered === undefined) return name;
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : numbered(orNumbered, n);
    if (!taken.has(candidate)) return candidate;
  }
}

function numbered(name: string, n: number): string {
  const suffix = `-${n}`;
  return `${name.slice(0, MAX_NAME_CHARS - suffix.length)}${suffix}`;
}
