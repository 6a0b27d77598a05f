/** Which host this machine is, if it joined. */
import type { Paths } from "../config/paths.ts";
import { readIdentity, type HostRecord } from "../daemon/identity.ts";

export function thisHost(paths: Paths): HostRecord | undefined {
  try {
    return readIdentity(paths)?.record;
  } catch {
    // Another user's, or damaged: then it is not ours to speak of; `doctor` tells.
    return undefined;
  }
}
