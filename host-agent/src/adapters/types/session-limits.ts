/** What a type may ask for that its tasks are given and its sessions are not. Pure. */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";

/** Who asked for a container gets none of its programs outside one. */
export function refuseIsolatedSession(type: AgentType): MaestroError | undefined {
  if (type.isolate_with !== "docker") return undefined;
  return maestroError(
    "agent_type_invalid",
    `The type '${type.slug}' asks for a container (isolate_with: docker), and gets one for tasks only.`,
    {
      field: "isolate_with",
      hint: "Give it tasks: maestro task dispatch. Write isolate_with: none to run its sessions with the rights of the host's user.",
    },
  );
}

/** Keys that promise less than a wall: sessions run without them, and the log says so. */
export function unappliedKeys(type: AgentType): string[] {
  const isContained = type.isolate_with === "docker";
  return !isContained && Object.keys(type.resource_limits ?? {}).length > 0 ? ["resource_limits"] : [];
}
