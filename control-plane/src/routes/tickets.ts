/** Single-use tickets for sockets: a cookie alone opens nothing [VW1]. */
import { ROUTES } from "@maestro/shared/contract/routes";
import { fail } from "@maestro/shared/errors";
import { TICKET_TTL_MS } from "@maestro/shared/limits";
import { toBase64Url } from "../crypto/encoding.ts";
import { hasScope } from "../domain/access/permissions.ts";
import { sealTicket } from "../http/auth-ticket.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";

const NONCE_BYTES = 16;

export const ticketRoutes = defineRoutes({
  async ticket(rx) {
    const { session, feed } = rx.body;
    if ((session === undefined) === (feed === undefined))
      throw fail("field_missing", "Give exactly one of session and feed.", {
        field: "session",
        hint: "Name the session to attach to, or set feed to true.",
      });
    unwrap(hasScope(rx.principal, session === undefined ? ROUTES.events.access.scope : ROUTES.sessionAttach.access.scope));
    const expiresMs = rx.nowMs + TICKET_TTL_MS;
    const opens = session === undefined ? ({ kind: "feed" } as const) : ({ kind: "session", session } as const);
    await rx.audit(session ?? "feed");
    return {
      ticket: await sealTicket(rx.config.keys.ticket, rx.principal.id, { nonce: toBase64Url(rx.random(NONCE_BYTES)), expiresMs, opens }),
      expiresAt: new Date(expiresMs).toISOString(),
    };
  },
});
