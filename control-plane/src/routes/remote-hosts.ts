/** Hosts that a linked one reaches and carries the link of: added, checked, and what their carriers ask. */
import { checkRemote } from "@maestro/shared/contract/check-remote";
import type { AcceptHostKey, HostCheck, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { MAX_REMOTE_HOSTS } from "@maestro/shared/limits";
import { carrySigningText } from "@maestro/shared/protocol/link-auth";
import { isPublicKey, verifyAny } from "../crypto/ed25519.ts";
import { hostById, listHosts, type HostRow } from "../db/hosts.ts";
import { WHOLE } from "../db/page.ts";
import { hostsVia, insertRemoteHost, markDefaultHost, noteCheck, setCarriedKeys } from "../db/remote-hosts.ts";
import { hasScope, mayTouchHost } from "../domain/access/permissions.ts";
import { asCarrier, checkNote, onlyCarrier } from "../domain/fleet/remote-host.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { originsHere } from "../http/origin.ts";
import { relayOf } from "../objects/relay-call.ts";
import { askCarrier } from "./ask-carrier.ts";
import { hostView } from "./host-views.ts";
import { hostFor, hostNameWithinReach, type Asking, wholeHost, wholeHosts } from "./placed-sessions.ts";
import { tellRegistry } from "./registry.ts";

export const remoteHostRoutes = defineRoutes({
  async hostAdd(rx) {
    wholeHosts(rx);
    const { name, labels = {}, via, enabled = true, default: marked = false, ...body } = rx.body;
    hostNameWithinReach(rx, name, "name");
    const record = unwrap(checkRemote(body));
    const carrier = await carrierFor(rx, via);
    await rx.audit(name);
    const id = rx.newId("host");
    const row = await insertRemoteHost(rx.db, {
      id,
      fleet: rx.fleet,
      name,
      labels,
      enabled,
      via: carrier.id,
      record,
      createdMs: rx.nowMs,
    });
    if (row === "carrier_gone") throw fail("host_not_found", `Host '${carrier.name}' was removed.`, { field: "via" });
    if (row === "full")
      throw fail("host_limit", `The fleet has ${MAX_REMOTE_HOSTS} remote hosts already.`, {
        hint: "Remove one that is not needed any more: maestro host remove <host>",
      });
    await setLinkKey(rx, row, "");
    if (marked) await markDefaultHost(rx.db, rx.fleet, id);
    await rx.feed.append([
      { type: "host.added", subject: id, summary: `Host '${name}' was added, over '${carrier.name}'.`, data: { name, via: carrier.name } },
    ]);
    tellRegistry(rx, rx.fleet);
    return hostView(rx, { ...row, isDefault: marked });
  },

  async hostCheckUnsaved(rx) {
    wholeHosts(rx);
    const { via, acceptHostKey, ...body } = rx.body;
    const record = unwrap(checkRemote(body));
    const carrier = await carrierFor(rx, via);
    mayAccept(rx, acceptHostKey);
    await rx.audit(`${carrier.name}/${record.address}`);
    return checkOver(rx, carrier, record, acceptHostKey);
  },

  async hostCheck(rx) {
    const host = await wholeHost(rx, rx.params.id);
    const { acceptHostKey } = rx.body;
    if (host.record === null || host.via === null)
      throw fail("field_invalid", `Host '${host.name}' has joined by itself: whether its link is up is all there is to check.`, {
        field: "host",
        hint: `maestro host show ${host.name}`,
      });
    const carrier = await carrierFor(rx, host.via);
    mayAccept(rx, acceptHostKey);
    await rx.audit(host.name);
    const check = await checkOver(rx, carrier, host.record, acceptHostKey);
    await noteCheck(rx.db, rx.fleet, host.id, checkNote(check, rx.nowMs));
    const summary = check.ok ? `Host '${host.name}' can be reached.` : `Host '${host.name}' cannot be used: its check failed.`;
    await rx.feed.append([{ type: "host.updated", subject: host.id, summary, data: { name: host.name } }]);
    return check;
  },

  async hostCarried(rx) {
    const rows = await hostsVia(rx.db, rx.fleet, rx.principal.id);
    return { items: rows.flatMap(({ id, name, record, enabled }) => (enabled && record !== null ? [{ id, name, record }] : [])) };
  },

  async hostCarry(rx) {
    const { principal, body, params } = rx;
    const { signingKey, sealingKey } = body;
    for (const field of ["signingKey", "sealingKey"] as const)
      if (!isPublicKey(body[field]))
        throw fail("field_invalid", `'${field}' must be a public key: 32 bytes in base64url.`, {
          field,
          hint: "Ed25519 for signing, X25519 for sealing.",
        });
    const host = isId("host", params.id) ? await hostById(rx.db, params.id) : undefined;
    if (host === undefined || host.fleet !== rx.fleet) throw fail("host_not_found", `No host '${params.id.slice(0, 40)}'.`);
    const texts = originsHere(rx.config, new URL(rx.c.req.url)).map((origin) =>
      carrySigningText(origin, principal.id, host.id, signingKey, sealingKey),
    );
    const carrier = await hostById(rx.db, principal.id);
    if (carrier === undefined || !(await verifyAny([carrier.signingKey], body.proof, texts)))
      throw fail("proof_invalid", "These keys are not vouched for by the host that carries.", {
        field: "proof",
        hint: "Sign them with its present key.",
      });
    await rx.audit(host.name);
    const isSame = host.signingKey === signingKey && host.sealingKey === sealingKey;
    const carries = host.via === principal.id && host.enabled;
    const taken =
      carries &&
      (isSame || (await setCarriedKeys(rx.db, { fleet: rx.fleet, id: host.id, via: principal.id }, { signingKey, sealingKey }, rx.nowMs)));
    if (!taken)
      throw fail("host_forbidden", `Host '${principal.name}' does not carry '${host.name}'.`, {
        hint: "Ask anew which hosts it carries.",
      });
    // Also where they were known: the answer to whoever gave them may have been lost before the relay was told.
    await setLinkKey(rx, host, signingKey);
  },
});

/** @param key empty: nobody carries it now. */
export const setLinkKey = (rx: Pick<Asking, "env" | "fleet">, { id, name }: HostRow, key: string): Promise<void> =>
  relayOf(rx.env, rx.fleet, id).setLinkKey({ fleet: rx.fleet, host: id, name }, key);

/** By name, id or prefix; else the only linked host within reach. */
export async function carrierFor(rx: Asking, ref: string | undefined): Promise<HostRow> {
  if (ref === undefined) {
    const { rows } = await listHosts(rx.db, rx.fleet, WHOLE);
    return unwrap(onlyCarrier(rows.filter(({ name }) => mayTouchHost(rx.principal, name))));
  }
  const host = await hostFor(rx, ref).catch((error: unknown) => {
    if (!(error instanceof MaestroFailure)) throw error;
    throw new MaestroFailure({ ...error.error, field: "via" }, { cause: error });
  });
  return unwrap(asCarrier(host));
}

/** To trust a key is as much as to let a host in. */
function mayAccept(rx: Asking, accept: AcceptHostKey | undefined): void {
  if (accept !== undefined) unwrap(hasScope(rx.principal, "hosts:write"));
}

async function checkOver(rx: Asking, carrier: HostRow, record: RemoteRecord, accept: AcceptHostKey | undefined): Promise<HostCheck> {
  const frame = { t: "host.check" as const, record, ...(accept === undefined ? {} : { acceptHostKey: accept }) };
  return askCarrier(rx, carrier, "host.check", frame, "reaches no remote hosts");
}
