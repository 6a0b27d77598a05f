/** The two upgrades into a HostRelay: a host's link, and a viewer of a session. */
import { fail } from "@maestro/shared/errors";
import { fleetById } from "../db/fleets.ts";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import { requireSubprotocol } from "../http/auth-ticket.ts";
import { defineRoutes } from "../http/define-route.ts";
import { forwarded, recordOpening } from "../http/sockets.ts";
import type { LinkContext, ViewerContext } from "../objects/host-relay/context.ts";
import { relayName, relayOf } from "../objects/relay-call.ts";
import { sessionFor } from "./placed-sessions.ts";
import { tellLatecomer } from "./registry.ts";

export const socketRoutes = defineRoutes({
  async hostLink(rx) {
    const { principal, c } = rx;
    requireSubprotocol(c.req.raw);
    const fleet = await fleetById(rx.db, principal.fleet);
    const context: LinkContext = {
      kind: "link",
      fleet: principal.fleet,
      host: principal.id,
      hostName: principal.name,
      requestId: rx.requestId,
      claim: principal.claim,
      signingKey: principal.signingKey,
      draining: principal.draining,
      registryVersion: fleet?.registryVersion ?? 0,
      origin: new URL(c.req.url).origin,
    };
    const answer = await relayOf(rx.env, principal.fleet, principal.id).fetch(forwarded(c.req.raw, CONTEXT_HEADER, context));
    if (answer.status === 101) tellLatecomer(rx, principal.fleet, principal.id, context.registryVersion);
    return answer;
  },

  async sessionAttach(rx) {
    const { principal, c } = rx;
    requireSubprotocol(c.req.raw);
    const { info, host } = await sessionFor(rx, rx.params.id);
    const ticket = principal.ticket;
    // A ticket was made for what its maker named: the id, or the name it was shown under.
    if (
      ticket !== undefined &&
      (ticket.opens.kind !== "session" || (ticket.opens.session !== info.id && ticket.opens.session !== info.name))
    ) {
      throw fail("ticket_invalid", "This ticket opens something else.", { hint: "Ask for one for this session." });
    }
    await rx.audit(info.id);
    await recordOpening(rx.db, rx.fleet, principal, { kind: "relay", object: relayName(rx.fleet, host.id) }, rx.nowMs);
    const context: ViewerContext = {
      kind: "viewer",
      fleet: rx.fleet,
      host: host.id,
      hostName: host.name,
      requestId: rx.requestId,
      session: info.id,
      credential: principal.id,
      name: principal.name,
      canWrite: principal.scopes.includes("terminals:write"),
      expiresMs: principal.expiresMs,
      ...(ticket === undefined ? {} : { ticket: { nonce: ticket.nonce, expiresMs: ticket.expiresMs } }),
    };
    return relayOf(rx.env, rx.fleet, host.id).fetch(forwarded(c.req.raw, CONTEXT_HEADER, context));
  },
});
