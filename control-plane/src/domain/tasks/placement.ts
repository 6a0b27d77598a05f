/** Which hosts a target may run on, whatever goes on there. */
import { globMatches } from "@maestro/shared/contract/access";
import { unknownNeeds } from "../fleet/too-old.ts";
import type { HostState, Target, TaskCore } from "./model.ts";

/** The host is the one, or one of those, that were asked for. */
export function suits(host: HostState, target: Target, task: Pick<TaskCore, "hosts">): boolean {
  if (target.host !== undefined) return target.host.id === host.id && knowsEnough(host, target);
  if (task.hosts !== undefined && !globMatches(task.hosts, host.name)) return false;
  const { host: ref, labels = {}, capabilities = [] } = target.selector ?? {};
  if (ref !== undefined && ref !== host.name && ref !== host.id) return false;
  if (!Object.entries(labels).every(([name, value]) => host.labels[name] === value)) return false;
  if (!knowsEnough(host, target)) return false;
  return capabilities.every((name) => host.capabilities.includes(name) || host.types.includes(name));
}

/** What an older version does not know it would leave out without a word. */
const knowsEnough = (host: HostState, { needs }: Target): boolean => unknownNeeds(host, needs).length === 0;

/** It can be offered something now, as far as the host itself is concerned. */
export const takesWork = ({ up, ready, draining }: HostState): boolean => up && ready && !draining;
