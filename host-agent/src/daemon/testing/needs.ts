/** What a test needs of the machine, with the reason when it is not there: a skip says why. */
import { spawnSync } from "node:child_process";

export type SkipReason = string | undefined;

export const noRoot: SkipReason = process.getuid?.() === 0 ? undefined : "needs root";

/** To be root is not enough in most containers: mounting takes a capability, and the kernel's leave. */
export function noMounts(): SkipReason {
  if (noRoot !== undefined) return noRoot;
  const tried = spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs none /tmp"], { timeout: 10_000 });
  return tried.status === 0 ? undefined : "mount namespaces need root, and a kernel that lets it";
}

/** A title that says why it was skipped, if it was. */
export const titled = (title: string, reason: SkipReason): string => (reason === undefined ? title : `${title} (skipped: ${reason})`);
