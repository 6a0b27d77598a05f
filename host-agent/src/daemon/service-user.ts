/** Whose agents the machine's service runs, so that its host-agent can read the identity it is to be. Pure. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { PathScope } from "../config/paths.ts";

export interface ServiceUserFacts {
  /** The state directory of the machine's service. */
  home: string;
  /** Who has the identity in it; `name` is undefined where no user has that uid. */
  owner: { uid: number; name: string | undefined };
  /** Who called sudo, if anybody did. */
  sudoUser: string | undefined;
}

/**
 * A user who has the identity keeps it, whoever installs the service. Root's, as `sudo maestro host join --system` leaves
 * it, becomes that of the user behind sudo: agents run as root only where root itself installs them.
 */
export function serviceUser({ home, owner, sudoUser }: ServiceUserFacts): Result<string> {
  if (owner.uid === 0) return ok(sudoUser === undefined || sudoUser === "" ? "root" : sudoUser);
  if (owner.name !== undefined) return ok(owner.name);
  return err(
    maestroError("insecure_permissions", `The identity in '${home}' belongs to uid ${owner.uid}, and no user of this machine has that.`, {
      field: home,
      hint: `Give it to the user whose agents are to run: sudo chown -R <user> '${home}'`,
    }),
  );
}

/** Before anything is asked of the network or written half. */
export function rootProblem(scope: PathScope, uid: number, command: string): MaestroError | undefined {
  if (scope === "user" || uid === 0) return undefined;
  return maestroError("insecure_permissions", "Only root may do this for the machine.", {
    hint: `sudo ${command} --system; or without --system, for this user alone.`,
  });
}
