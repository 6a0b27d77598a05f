/** What a task may ask of its host that a host of an earlier version leaves out without a word. One that knows it names it in `hello`. */
import type { AttemptSpec } from "./tasks.ts";

const TASK_NEEDS = ["images", "permissions", "program", "forwardAgent", "container", "repository", "isolation"] as const;
export type TaskNeed = (typeof TASK_NEEDS)[number];

export const capabilityFor = (need: TaskNeed): string => `task:${need}`;

/** What this version knows, as capabilities. */
export const KNOWN_NEEDS: readonly string[] = TASK_NEEDS.map(capabilityFor);

type Asked = Pick<AttemptSpec, "command" | "forwardAgent" | "container" | "permissions"> & { images?: unknown; repository?: unknown };

/** @param agent that it is for, with its type where the fleet has that. */
export function needsOf(
  { command, images, permissions, forwardAgent, container, repository }: Asked,
  agent: Pick<NonNullable<AttemptSpec["agent"]>, "program" | "definition"> | undefined,
): TaskNeed[] {
  const asked: Record<TaskNeed, boolean> = {
    images: images !== undefined,
    permissions: permissions !== undefined,
    // A command is run without the agent's CLI.
    program: command === undefined && agent?.program !== undefined,
    forwardAgent: forwardAgent === true,
    container: container !== undefined && container !== "auto" && container !== "none",
    repository: repository !== undefined,
    isolation: agent?.definition?.["isolate_with"] === "docker",
  };
  return TASK_NEEDS.filter((need) => asked[need]);
}
