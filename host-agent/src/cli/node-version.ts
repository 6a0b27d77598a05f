/** The oldest Node this program runs on, said before anything else is tried. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";

const OLDEST = { major: 22, minor: 12 } as const;

/** @param version as in `process.versions.node`. */
export function nodeProblem(version: string): MaestroError | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return undefined;
  return maestroError("node_too_old", `Node ${version} is too old.`, { hint: `Install Node ${OLDEST.major}.${OLDEST.minor} or newer.` });
}
