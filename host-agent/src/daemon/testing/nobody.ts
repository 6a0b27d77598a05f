/** Root may do everything: where tests run as root, what another user may not do is done as nobody. */
import { readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";

export const NOBODY = 65_534;
export const isRoot = process.geteuid?.() === 0;

export function asNobody<T>(act: () => T): T {
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    return act();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** Why nobody cannot take the place of another user here. */
export function nobodyProblem(): string | undefined {
  if (!isRoot) return undefined;
  if (!isMapped()) return `uid ${NOBODY} is not mapped in this user namespace`;
  // Before: Node reads no TMPDIR for another user than its own.
  const dir = tmpdir();
  try {
    asNobody(() => statSync(`${dir}/.`));
    return undefined;
  } catch {
    return `${dir} cannot be entered by uid ${NOBODY}`;
  }
}

/** Ranges of a user namespace: first inside, first outside, how many. */
function isMapped(): boolean {
  let map: string;
  try {
    map = readFileSync("/proc/self/uid_map", "latin1");
  } catch {
    return true;
  }
  return map.split("\n").some((line) => {
    const [first = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return first <= NOBODY && NOBODY < first + count;
  });
}
