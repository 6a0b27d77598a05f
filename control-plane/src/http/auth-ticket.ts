/** Socket tickets: signed claims, 30 s. That one is used once is kept by the object it opens. */
import * as z from "zod";
import { fail, maestroError, MaestroFailure } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { SUBPROTOCOL, TICKET_PREFIX } from "@maestro/shared/protocol/version";
import { openClaims, sealClaims } from "../crypto/signed.ts";
import { sessionById } from "../db/browser-sessions.ts";
import { tokenById } from "../db/tokens.ts";
import { tokenRevoked } from "../domain/access/lifetime.ts";
import type { TicketClaim, UserPrincipal } from "../domain/access/principal.ts";
import type { AuthInput } from "./auth-input.ts";
import { browserPrincipal } from "./auth-browser.ts";
import { tokenPrincipal } from "./auth-token.ts";

const Claims = z.object({
  /** The credential that asked for it; looked up again, so that a ticket dies with it. */
  c: z.string(),
  n: z.string(),
  e: z.number(),
  o: z.discriminatedUnion("kind", [z.object({ kind: z.literal("session"), session: z.string() }), z.object({ kind: z.literal("feed") })]),
});

export function sealTicket(key: CryptoKey, credential: string, claim: TicketClaim): Promise<string> {
  return sealClaims(key, { c: credential, n: claim.nonce, e: claim.expiresMs, o: claim.opens } satisfies z.infer<typeof Claims>);
}

/** The ticket offered among the subprotocols of an upgrade, or undefined. */
export function offeredTicket(request: Request): string | undefined {
  return offeredProtocols(request)
    .find((offer) => offer.startsWith(TICKET_PREFIX))
    ?.slice(TICKET_PREFIX.length);
}

export const offeredProtocols = (request: Request): string[] =>
  (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((offer) => offer.trim());

export async function principalOfTicket(ticket: string, input: AuthInput): Promise<UserPrincipal> {
  const claims = await openClaims(input.config.keys.ticket, ticket, Claims);
  if (claims === undefined)
    throw fail("ticket_invalid", "The ticket was not made here.", { hint: "Ask for one with POST /api/v1/tickets." });
  if (claims.e <= input.nowMs) throw fail("ticket_expired", "The ticket is older than 30 s.", { hint: "Ask for a new one." });
  return { ...(await credentialNow(claims.c, input)), ticket: { nonce: claims.n, expiresMs: claims.e, opens: claims.o } };
}

async function credentialNow(id: string, input: AuthInput): Promise<UserPrincipal> {
  if (isId("token", id)) {
    const found = await tokenById(input.db, id);
    if (found !== undefined) {
      input.identified({ fleet: found.token.fleet, actor: `member:${found.token.member}`, credential: id });
      return tokenPrincipal(found, input.nowMs);
    }
  }
  if (isId("browser", id)) {
    const found = await sessionById(input.db, id);
    if (found !== undefined) {
      input.identified({ fleet: found.session.fleet, actor: `member:${found.session.member}`, credential: id });
      return browserPrincipal(found, input.nowMs);
    }
  }
  throw new MaestroFailure(tokenRevoked("The credential this ticket was made with ended."));
}

/** [VR1] The one subprotocol must be offered; checked after who asks, before anything is upgraded. */
export function requireSubprotocol(request: Request): void {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    throw new MaestroFailure(
      maestroError("websocket_required", "This address takes WebSocket upgrades only.", {
        hint: `Connect with the subprotocol ${SUBPROTOCOL}.`,
      }),
    );
  }
  if (offeredProtocols(request).includes(SUBPROTOCOL)) return;
  throw fail("subprotocol_invalid", `The subprotocol ${SUBPROTOCOL} was not offered.`, {
    field: "sec-websocket-protocol",
    hint: `Offer ${SUBPROTOCOL}.`,
  });
}
