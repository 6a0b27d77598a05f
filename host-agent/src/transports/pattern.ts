/** Wildcard patterns of ssh_config(5) and known_hosts: `*`, `?`, and lists of them in which `!` takes back. */

export function matchesPattern(text: string, pattern: string): boolean {
  // The last `*` and what it has swallowed: going back to it alone is enough, so time is at most text × pattern.
  let at = 0;
  let next = 0;
  let star = -1;
  let swallowed = 0;
  while (at < text.length) {
    const wanted = pattern[next];
    if (wanted === "*") {
      star = next++;
      swallowed = at;
    } else if (wanted === "?" || wanted === text[at]) {
      at++;
      next++;
    } else if (star !== -1) {
      next = star + 1;
      at = ++swallowed;
    } else return false;
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}

/** One match is needed, and none of a negated pattern. */
export function matchesPatternList(text: string, patterns: readonly string[]): boolean {
  if (patterns.some((pattern) => pattern.startsWith("!") && matchesPattern(text, pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && matchesPattern(text, pattern));
}
