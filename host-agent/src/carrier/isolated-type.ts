/** What a type that asks for a container of its own gets. Pure. */
import { createHash } from "node:crypto";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { DEFAULT_PIDS } from "../tasks/runner.ts";
import { sizeInBytes } from "../daemon/policy.ts";

export interface Isolation {
  image: string;
  /** The engine's usual network, with everything else that is in it; else one for this workspace alone. */
  sharedNetwork: boolean;
  memoryBytes: number | undefined;
  cpus: number | undefined;
  pids: number;
}

/** Undefined: it asks for none. */
export function isolationOf({
  isolate_with: isolateWith,
  image,
  shared_network: shared,
  resource_limits: limits,
}: AgentType): Isolation | undefined {
  // A type without an image is refused where it is read.
  if (isolateWith !== "docker" || image === undefined) return undefined;
  return {
    image,
    sharedNetwork: shared === true,
    memoryBytes: limits?.memory === undefined ? undefined : sizeInBytes(limits.memory),
    cpus: limits?.cpus,
    pids: limits?.pids ?? DEFAULT_PIDS,
  };
}

/** Of the container and of its network. One engine may serve several hosts, and these the same directory. */
export const containerName = (host: string, workspace: string): string => `maestro-${digest(`${host}\0${workspace}`)}`;
export const isContainerName = (name: string): boolean => /^maestro-[0-9a-f]{16}$/.test(name);

/** Another one: the container is made anew. */
export const isolationDigest = (isolation: Isolation): string => digest(JSON.stringify(isolation));

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
