/** What a type may ask for and no session is given yet: containers and their limits come later. Pure. */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";

/** Who asked for a container gets none of its programs outside one. */
export function refuseUnbuilt(type: AgentType): MaestroError | undefined {
  if (type.isolate_with !== "docker") return undefined;
  return maestroError(
    "agent_type_invalid",
    `The type '${type.slug}' asks for a container (isolate_with: docker), which Maestro cannot make yet.`,
    {
      field: "isolate_with",
      hint: "Write isolate_with: none to run it with the rights of the host's user.",
    },
  );
}

/** Keys that promise less than a wall: its sessions run without them, and the log says so. */
export function unappliedKeys(type: AgentType): string[] {
  return Object.keys(type.resource_limits ?? {}).length > 0 ? ["resource_limits"] : [];
}
