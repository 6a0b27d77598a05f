/**
 * Who could turn a path elsewhere: in a place that others may write to, such as /tmp, a directory or a link on the way can
 * be anybody's who came first. Where only its owner writes, what lies there was put there on purpose: root's agent in a
 * developer's project, as in a container with a mounted source tree.
 */
import { lstatSync, readlinkSync, statSync, type Stats } from "node:fs";
import * as path from "node:path";
import { errnoOf } from "./durable-file.ts";

/** As the kernel allows. */
const MAX_LINKS = 40;

export interface Foreign {
  at: string;
  uid: number;
  what: "directory" | "link";
}

/**
 * This user, root, and the owners of the directories given: the home this daemon lives in, and those that the host's own
 * policy names. Root is whoever owns `/`: inside a user namespace that is another number.
 */
export function trustedOwners(uid: number, directories: readonly string[]): Set<number> {
  return new Set([0, uid, ...["/", ...directories].flatMap((dir) => ownerOf(dir) ?? [])]);
}

/**
 * The first thing on the way to `target` that belongs to somebody else and lies where others may write. What does not
 * exist yet belongs to nobody.
 */
export function foreignOnTheWay(target: string, trusted: ReadonlySet<number>): Foreign | undefined {
  const left = path.normalize(target).split("/");
  let at = "/";
  for (let links = 0; left.length > 0;) {
    const name = left.shift() ?? "";
    if (name === "" || name === ".") continue;
    const next = path.join(at, name);
    const found = lookAt(next);
    if (found === undefined) return undefined;
    const link = found.isSymbolicLink();
    if (!trusted.has(found.uid) && writtenByOthers(at)) return { at: next, uid: found.uid, what: link ? "link" : "directory" };
    if (!link) {
      at = next;
      continue;
    }
    // Judged by `resolveWorkspace`, which follows it for good.
    if (++links > MAX_LINKS) return undefined;
    const leadsTo = readlinkSync(next);
    if (path.isAbsolute(leadsTo)) at = "/";
    left.unshift(...leadsTo.split("/"));
  }
  return undefined;
}

const OTHERS_WRITE = 0o022;
const writtenByOthers = (dir: string): boolean => (statSync(dir).mode & OTHERS_WRITE) !== 0;

function lookAt(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw cause;
  }
}

function ownerOf(dir: string): number[] | undefined {
  try {
    return [statSync(dir).uid];
  } catch {
    return undefined;
  }
}
