/**
 * [LK2] Whether a process that proved the host's identity may give it a new key. A copy of the identity that could would
 * own the host without ever dialling a link, so it is held against the links: the last one's process may, another may not
 * beside it, and otherwise what would lock a link locks here.
 */
import { isId } from "@maestro/shared/ids";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { openDb } from "../../db/client.ts";
import { setHostLock } from "../../db/hosts.ts";
import { decideLink } from "../../domain/relay/link-epoch.ts";
import { nonceExpiryMs } from "../../domain/relay/nonces.ts";
import type { LinkContext } from "./context.ts";
import { lockEvents } from "./link-gate.ts";
import type { Parts } from "./parts.ts";

export type KeyContext = Pick<LinkContext, "fleet" | "host" | "hostName" | "claim">;

/** `known`: it is the process of the link, or of the last one. */
export type KeyReply = { ok: true; known: boolean } | { ok: false; error: MaestroError };

export class KeyGate {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #parts: Parts;

  constructor(ctx: DurableObjectState, env: Env, parts: Parts) {
    this.#ctx = ctx;
    this.#env = env;
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
    if (decision.type === "lock") return this.#lock(decision.reason, nowMs);
    if (last === undefined || decision.type === "stale") return { ok: true, known: false };
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

  #lock(reason: string, nowMs: number): KeyReply {
    const { store, link, reporter } = this.#parts;
    store.set("locked", { reason, atMs: nowMs });
    link.drop(CLOSE.forbidden, "host_locked");
    const identity = store.get("identity");
    const name = identity?.name ?? "";
    if (identity !== undefined) {
      const { fleet, host } = identity;
      reporter.tell({ facts: { connected: false, locked: { reason, atMs: nowMs } } }, lockEvents(identity, reason));
      if (isId("fleet", fleet) && isId("host", host))
        this.#ctx.waitUntil(setHostLock(openDb(this.#env.DB), fleet, host, { reason, atMs: nowMs }));
    }
    return refused(lockedError(name, reason));
  }
}

const refused = (error: MaestroError): KeyReply => ({ ok: false, error });

const lockedError = (name: string, reason: string): MaestroError =>
  maestroError("host_locked", `The identity of host '${name}' is locked. ${reason}`, {
    hint: `Stop the copy, then unlock: maestro host unlock ${name}`,
  });
