/** What this person may do, so that the page does not offer what the server would refuse. The server decides. */
import type { Me } from "@maestro/shared/contract/resources";
import { roleAtLeast, type Role } from "@maestro/shared/contract/access";

/** Unknown yet counts as no. */
export function may(me: Me | undefined, role: Role): boolean {
  const own = me?.principal.role;
  return own !== undefined && roleAtLeast(own, role);
}
