/** Who asks, from whichever proof the request carries: token, host signature, ticket or cookie. */
import { fail } from "@maestro/shared/errors";
import { ATTEMPT_TOKEN } from "@maestro/shared/token";
import { HOST_SCHEME } from "@maestro/shared/protocol/link-auth";
import { touchSession, LAST_SEEN_GRAIN_MS } from "../db/browser-sessions.ts";
import { isTouchDue, touchToken } from "../db/tokens.ts";
import type { Principal } from "../domain/access/principal.ts";
import { principalOfAttempt } from "./auth-attempt.ts";
import type { AuthInput } from "./auth-input.ts";
import { csrfOf, principalOfCookie } from "./auth-browser.ts";
import { principalOfHost } from "./auth-host.ts";
import { offeredTicket, principalOfTicket } from "./auth-ticket.ts";
import { principalOfBearer } from "./auth-token.ts";
import { readCookie } from "./cookies.ts";
import { requireBrowserIntent } from "./origin.ts";

export interface Authenticated {
  principal: Principal;
  /** Writes the coarse last-used mark, when it is due. */
  touch: (() => Promise<void>) | undefined;
}

/** An explicit header wins over the ambient cookie. A cookie alone never opens a socket [VW1]. */
export async function authenticate(input: AuthInput): Promise<Authenticated> {
  const { request, url, db, nowMs } = input;
  const header = request.headers.get("authorization");
  if (header?.startsWith(`${HOST_SCHEME} `)) return { principal: await principalOfHost(header, input), touch: undefined };
  if (header !== null) {
    const bearer = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    if (bearer === undefined)
      throw fail("token_malformed", "The Authorization header is neither a Bearer token nor a host's signature.", {
        field: "authorization",
        hint: "Send: Authorization: Bearer mst_pat_…",
      });
    if (bearer.startsWith(ATTEMPT_TOKEN)) return { principal: await principalOfAttempt(bearer, input), touch: undefined };
    const { principal, token } = await principalOfBearer(bearer, input);
    return { principal, touch: isTouchDue(token, nowMs) ? () => touchToken(db, token.id, nowMs) : undefined };
  }
  const upgrades = request.headers.get("upgrade") !== null;
  const ticket = offeredTicket(request);
  // Only the object that opens a socket spends tickets: anywhere else one would be good for 30 s of everything.
  if (ticket !== undefined && !upgrades)
    throw fail("ticket_invalid", "A ticket opens sockets only.", { hint: "Connect a WebSocket with it, or send a token." });
  if (ticket !== undefined) return { principal: await principalOfTicket(ticket, input), touch: undefined };
  const cookie = readCookie(request, url);
  if (cookie === undefined || cookie === "" || upgrades) {
    throw fail("auth_required", upgrades ? "A socket needs a ticket or a token." : "No credential was sent.", {
      hint: upgrades ? "Ask for a ticket with POST /api/v1/tickets." : "Send Authorization: Bearer mst_pat_…, or log in: maestro login.",
    });
  }
  const { principal, session } = await principalOfCookie(cookie, input);
  if (isWrite(request)) requireBrowserIntent(request, url, await csrfOf(input.config.keys.csrf, session.id));
  return { principal, touch: session.lastSeenMs < nowMs - LAST_SEEN_GRAIN_MS ? () => touchSession(db, session.id, nowMs) : undefined };
}

export const isWrite = (request: Request): boolean => request.method !== "GET" && request.method !== "HEAD";
