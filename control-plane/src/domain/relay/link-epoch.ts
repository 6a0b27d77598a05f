/**
 * [LK2] Which connection of an identity may be the link. Two living processes with one identity always show
 * themselves: the one that was replaced comes back with an older epoch, or comes back at all.
 */
import type { HostClaim } from "@maestro/shared/protocol/link-auth";

export type LinkEpoch = HostClaim["epoch"];

export interface LastLink {
  epoch: LinkEpoch;
  instance: string;
  /** Instances that were replaced, latest last. */
  replaced: readonly string[];
}

export type LinkDecision =
  /** `supersedes`: an older connection may still be open and is closed with 4409. */
  | { type: "accept"; next: LastLink }
  /** A connection of the same process that was overtaken by a newer one. */
  | { type: "stale" }
  | { type: "lock"; reason: string };

/** Instances kept to recognise one that comes back; a process is replaced once per restart of a daemon. */
export const REMEMBERED_INSTANCES = 16;

export function decideLink(last: LastLink | undefined, claim: Pick<HostClaim, "epoch" | "instance">): LinkDecision {
  const { epoch, instance } = claim;
  if (last === undefined) return { type: "accept", next: { epoch, instance, replaced: [] } };
  if (instance === last.instance) {
    return compareEpochs(epoch, last.epoch) > 0 ? { type: "accept", next: { ...last, epoch } } : { type: "stale" };
  }
  if (last.replaced.includes(instance)) {
    return {
      type: "lock",
      reason: `Process ${short(instance)} came back after ${short(last.instance)} had replaced it: two processes use one identity.`,
    };
  }
  if (compareEpochs(epoch, last.epoch) <= 0) {
    return {
      type: "lock",
      reason: `Process ${short(instance)} connected with epoch ${text(epoch)}, at or below ${text(last.epoch)} of ${short(last.instance)}: the identity was copied.`,
    };
  }
  return { type: "accept", next: { epoch, instance, replaced: [...last.replaced, last.instance].slice(-REMEMBERED_INSTANCES) } };
}

export function compareEpochs(a: LinkEpoch, b: LinkEpoch): number {
  return a.start === b.start ? a.connect - b.connect : a.start - b.start;
}

const short = (instance: string): string => instance.slice(0, 8);
const text = (epoch: LinkEpoch): string => `${epoch.start}.${epoch.connect}`;
