/** Who asks for a container of its own by its type, and what it gets. */
import { createHash } from "node:crypto";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { DEFAULT_PIDS } from "../tasks/runner.ts";
import { sizeInBytes } from "../daemon/policy.ts";
import { notThere } from "./shown-agents.ts";

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

/** Undefined: it asks for no container of its own. */
export function isolatedType(spec: AttemptSpec, catalogue: TypeCatalogue): Result<AgentType | undefined> {
  if (spec.agent === undefined) return ok(undefined);
  catalogue.refresh();
  const type = catalogue.resolve(spec.agent.type, spec.agent.definition);
  if (!type.ok) return type;
  if (isolationOf(type.value) === undefined) return ok(undefined);
  const refusal = refuseElsewhere(spec, type.value);
  return refusal === undefined ? type : err(refusal);
}

function refuseElsewhere({ container, workspace, forwardAgent }: AttemptSpec, { slug }: AgentType): MaestroError | undefined {
  if (forwardAgent === true) return notThere("A container is shown no ssh-agent.");
  if (container !== undefined && container !== "none")
    return maestroError("field_invalid", `The type '${slug}' has a container of its own: it cannot run in '${container}'.`, {
      field: "container",
      hint: "Leave --container out, or ask an agent of another type.",
    });
  return workspace.mode === "worktree"
    ? maestroError(
        "workspace_error",
        `The type '${slug}' runs in a container, which does not see the repository that a worktree belongs to.`,
        {
          field: "workspace",
          hint: "Clone it into the workspace: --repo <url>. Or give it a directory: --to-workspace <path>",
        },
      )
    : undefined;
}
