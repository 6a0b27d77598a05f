/** What a type may ask for that its tasks are given and its sessions are not. Pure. */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";

/** Keys that promise less than a wall: sessions run without them, and the log says so. */
export function unappliedKeys(type: AgentType): string[] {
  const isContained = type.isolate_with === "docker";
  return !isContained && Object.keys(type.resource_limits ?? {}).length > 0 ? ["resource_limits"] : [];
}
