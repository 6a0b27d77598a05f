/** [LK1] [LK2] Whether an authenticated connection may become the link; decided, and written, before it is accepted. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { NewEvent } from "../../domain/events/event.ts";
import { decideLink } from "../../domain/relay/link-epoch.ts";
import { nonceExpiryMs } from "../../domain/relay/nonces.ts";
import type { LinkContext } from "./context.ts";
import type { StateOf, Store } from "./store.ts";

export type LinkGate =
  | { type: "accept" }
  | { type: "refuse"; error: MaestroError }
  /** Two processes use one identity: everything of it is shut out until an operator unlocks it. */
  | { type: "lock"; error: MaestroError; reason: string };

export function admitLink({ claim, hostName }: LinkContext, store: Store, nowMs: number): LinkGate {
  const locked = store.get("locked");
  if (locked !== undefined) return { type: "refuse", error: lockedError(hostName, locked.reason) };
  if (!store.spendNonce(`link:${claim.nonce}`, nonceExpiryMs(claim.timeMs, nowMs), nowMs)) {
    return {
      type: "refuse",
      error: maestroError("nonce_replayed", "This signature was used before.", { hint: "Sign again with a fresh nonce." }),
    };
  }
  const decision = decideLink(store.get("last"), claim);
  switch (decision.type) {
    case "accept":
      store.set("last", { ...decision.next, replaced: [...decision.next.replaced] });
      return { type: "accept" };
    case "stale":
      return {
        type: "refuse",
        error: maestroError(
          "epoch_stale",
          `Connection ${claim.epoch.start}.${claim.epoch.connect} was overtaken by a newer one of the same process.`,
        ),
      };
    case "lock":
      return { type: "lock", error: lockedError(hostName, decision.reason), reason: decision.reason };
  }
}

/** What followers hear of it. */
export function lockEvents({ host, name }: StateOf<"identity">, reason: string): NewEvent[] {
  return [
    { type: "host.locked", subject: host, summary: `Host '${name}' is locked: ${reason}`, data: { name } },
    { type: "alert", subject: host, summary: `Two machines use the identity of host '${name}'.`, data: { name, code: "host_locked" } },
  ];
}

const lockedError = (name: string, reason: string): MaestroError =>
  maestroError("host_locked", `The identity of host '${name}' is locked. ${reason}`, {
    hint: `Stop the copy, then unlock: maestro host unlock ${name}`,
  });
