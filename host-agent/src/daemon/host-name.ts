/** A machine's own name as a fleet takes it. */
import { NAME_PATTERN } from "@maestro/shared/names";

/** Nothing of a domain, nothing that a name may not have. */
export function suggestedHostName(hostname: string): string {
  const label = hostname.toLowerCase().split(".")[0] ?? "";
  const name = label
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63);
  return NAME_PATTERN.test(name) ? name : "this-machine";
}
