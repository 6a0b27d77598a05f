/**
 * [LK2] Whether a process that proved the host's identity may give it a new key. A copy of the identity that could would
 * own the host without ever dialling a link, so it is held against the links: the last one's process may, another may not
 * beside it, and otherwise what would lock a link locks here.
 */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { decideLink } from "../../domain/relay/link-epoch.ts";
import { nonceExpiryMs } from "../../domain/relay/nonces.ts";
import type { LinkContext } from "./context.ts";
import type { Parts } from "./parts.ts";

export type KeyContext = Pick<LinkContext, "fleet" | "host" | "hostName" | "claim">;

/** `known`: it is the process of the link, or of the last one; or nothing is known of any, as after an unlock. */
export type KeyReply = { ok: true; known: boolean } | { ok: false; error: MaestroError };

export class KeyGate {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  admit({ fleet, host, hostName, claim }: KeyContext, nowMs: number): KeyReply {
    const { store, link } = this.#parts;
    if (store.get("retired") === true) return refused(maestroError("host_unknown", `Host '${hostName}' was removed.`));
    store.set("identity", { fleet, host, name: hostName });
    const locked = store.get("locked");
    if (locked !== undefined) return refused(lockedError(hostName, locked.reason));
    if (!store.spendNonce(`key:${claim.nonce}`, nonceExpiryMs(claim.timeMs, nowMs), nowMs))
      return refused(maestroError("nonce_replayed", "This signature was used before.", { hint: "Sign again with a fresh nonce." }));
    const last = store.get("last");
    if (last?.instance === claim.instance) return { ok: true, known: true };
    const decision = decideLink(last, claim);
    if (decision.type === "lock") {
      this.#parts.lock.lock(decision.reason);
      return refused(lockedError(hostName, decision.reason));
    }
    // Never linked, or unlocked just now: there is no link that it is not the process of.
    if (last === undefined) return { ok: true, known: true };
    if (decision.type === "stale") return { ok: true, known: false };
    if (link.present) return this.#refuseBeside(hostName);
    // Whoever was the link before and comes back shows that there are two.
    store.set("last", { ...decision.next, replaced: [...decision.next.replaced] });
    return { ok: true, known: false };
  }

  #refuseBeside(name: string): KeyReply {
    const { store, reporter } = this.#parts;
    const summary = `Beside its link another process tried to give host '${name}' a new key; it was refused.`;
    const subject = store.get("identity")?.host ?? "";
    reporter.tell(undefined, [{ type: "alert", subject, summary, data: { name, code: "superseded" } }]);
    return refused(
      maestroError("superseded", `Another process is the link of host '${name}'.`, {
        hint: "Only the host-agent that is linked rotates the key. Is the identity in use twice?",
      }),
    );
  }
}

const refused = (error: MaestroError): KeyReply => ({ ok: false, error });

const lockedError = (name: string, reason: string): MaestroError =>
  maestroError("host_locked", `The identity of host '${name}' is locked. ${reason}`, {
    hint: `Stop the copy, then unlock: maestro host unlock ${name}`,
  });
