/** The console: a cookie, worthless without the origin-scoped key that comes beside it. */
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { HEADER_KEY } from "@maestro/shared/contract/routes";
import { equalDigests, hmac, hmacHex } from "../crypto/digest.ts";
import { toBase64Url } from "../crypto/encoding.ts";
import { sessionByDigest, type BrowserSessionRow, type SessionWithMember } from "../db/browser-sessions.ts";
import { sessionEndsMs, sessionLives, tokenLives, tokenRevoked } from "../domain/access/lifetime.ts";
import { rightsOf } from "../domain/access/permissions.ts";
import type { BrowserPrincipal } from "../domain/access/principal.ts";
import type { AuthInput } from "./auth-input.ts";
import { unwrap } from "./define-route.ts";

export const cookieDigest = (pepper: CryptoKey, cookie: string): Promise<string> => hmacHex(pepper, `cookie\n${cookie}`);
export const keyDigest = (pepper: CryptoKey, key: string): Promise<string> => hmacHex(pepper, `console-key\n${key}`);

/** Bound to the session by derivation: nothing to store, nothing to keep in step. */
export const csrfOf = async (key: CryptoKey, session: string): Promise<string> => toBase64Url(await hmac(key, session));

export async function principalOfCookie(
  cookie: string,
  input: AuthInput,
): Promise<{ principal: BrowserPrincipal; session: BrowserSessionRow }> {
  const { pepper } = input.config.keys;
  const found = await sessionByDigest(input.db, await cookieDigest(pepper, cookie));
  if (found === undefined) throw fail("session_expired", "The browser session ended.", { hint: "Log in again: maestro open." });
  const key = input.request.headers.get(HEADER_KEY);
  if (key === null || !equalDigests(found.session.keyDigest, await keyDigest(pepper, key))) {
    throw fail("session_key_missing", `The console's own key is ${key === null ? "missing" : "not this session's"}.`, {
      field: HEADER_KEY,
      hint: "Log in again in this browser: maestro open.",
    });
  }
  input.identified({ fleet: found.session.fleet, actor: `member:${found.session.member}`, credential: found.session.id });
  return { principal: browserPrincipal(found, input.nowMs), session: found.session };
}

/** Throws when it ended, lost its member, or the token it hangs on did. */
export function browserPrincipal({ session, member, parent }: SessionWithMember, nowMs: number): BrowserPrincipal {
  unwrap(sessionLives(session, nowMs));
  // A login may be under way while its token is revoked, and a session never outlives what opened it.
  if (parent !== null) unwrap(tokenLives(parent, nowMs));
  if (member === null) throw new MaestroFailure(tokenRevoked("The member this session belonged to was removed."));
  return {
    kind: "browser",
    id: session.id,
    fleet: session.fleet,
    member: member.id,
    name: member.name,
    ...rightsOf(session, member),
    expiresMs: Math.min(sessionEndsMs(session), parent?.expiresMs ?? Infinity),
    ticket: undefined,
    parent: session.parent ?? undefined,
    absoluteMs: session.expiresMs,
    stepUpUntilMs: session.stepUpUntilMs ?? undefined,
  };
}
