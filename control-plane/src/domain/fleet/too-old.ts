/** A host whose host-agent is of a version that would leave out, without a word, what it is asked for. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { capabilityFor, type TaskNeed } from "@maestro/shared/protocol/task-needs";
import type { HostFacts } from "../events/present.ts";

export const UPGRADE_THERE = "Upgrade it there: run the line again with which it joined.";

/** Another host reaches it: no host-agent of its own runs there that could be upgraded. It says so in `hello`. */
export const isCarried = ({ capabilities }: Pick<HostFacts, "capabilities">): boolean => capabilities.includes("remote");

/** Those of them that the host would leave out. */
export const unknownNeeds = ({ capabilities }: Pick<HostFacts, "capabilities">, needs: readonly TaskNeed[] = []): TaskNeed[] =>
  needs.filter((need) => !capabilities.includes(capabilityFor(need)));

/** The first of them that the host does not know. One that is away may come back as another version. */
export const unknownNeed = (facts: HostFacts | undefined, needs: readonly TaskNeed[]): TaskNeed | undefined =>
  facts?.connected === true ? unknownNeeds(facts, needs)[0] : undefined;

/** @param field where it was asked for, if in this request. */
export function tooOld(host: string, facts: HostFacts | undefined, need: TaskNeed, field?: string): MaestroError {
  const carried = facts !== undefined && isCarried(facts);
  return maestroError(
    "upgrade_required",
    `The host-agent ${carried ? "that reaches" : "of"} '${host}' is of a version that does not know '${need}'.`,
    {
      ...(field === undefined ? {} : { field }),
      hint: carried
        ? `Upgrade it on the host over which that one is reached: run the line again with which that joined. maestro host show ${host} names it.`
        : UPGRADE_THERE,
    },
  );
}
