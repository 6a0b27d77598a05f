/** [VR1] The subprotocol is constant; versions are ranges exchanged in `hello` and `welcome`. */
import * as z from "zod";
import { err, ok, type Result } from "../result.ts";
import { maestroError } from "../errors.ts";

export const SUBPROTOCOL = "maestro.v1";
/** Offered beside the subprotocol by browsers; never echoed. */
export const TICKET_PREFIX = "ticket.";

export const VersionRange = z.object({ min: z.int().min(1), max: z.int().min(1) });
export type VersionRange = z.infer<typeof VersionRange>;

/** [VR2] What this build speaks: N and N-1. Version 1 is the first, so the range is one wide. */
export const VERSIONS: VersionRange = { min: 1, max: 1 };

/** The highest version both speak. */
export function negotiate(mine: VersionRange, theirs: VersionRange): Result<number> {
  const version = Math.min(mine.max, theirs.max);
  if (version >= mine.min && version >= theirs.min) return ok(version);
  return err(
    maestroError("upgrade_required", `Versions ${theirs.min}–${theirs.max} were offered; ${mine.min}–${mine.max} are spoken here.`, {
      hint: theirs.max < mine.min ? "Upgrade the older side: `maestro` on this machine." : "Upgrade the control plane.",
      extra: { min: mine.min, max: mine.max },
    }),
  );
}
