/** `Authorization: Bearer mst_pat_…` */
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import { parseToken } from "@maestro/shared/token";
import { equalDigests } from "../crypto/digest.ts";
import { tokenByLookup, type TokenRow, type TokenWithMember } from "../db/tokens.ts";
import { tokenLives, tokenRevoked } from "../domain/access/lifetime.ts";
import { rightsOf } from "../domain/access/permissions.ts";
import type { TokenPrincipal } from "../domain/access/principal.ts";
import type { AuthInput } from "./auth-input.ts";
import { unwrap } from "./define-route.ts";
import { parsedDigest } from "./secrets.ts";

export async function principalOfBearer(text: string, input: AuthInput): Promise<{ principal: TokenPrincipal; token: TokenRow }> {
  const parsed = unwrap(parseToken(text, ["pat"]));
  const found = await tokenByLookup(input.db, parsed.id);
  if (found === undefined || !equalDigests(found.token.digest, await parsedDigest(input.config.keys.pepper, parsed))) {
    await input.countFailure(`token:${parsed.id}`);
    throw new MaestroFailure(
      maestroError("token_unknown", "No such token here.", {
        hint: "Check that it belongs to this server; an owner can create a new one.",
      }),
    );
  }
  input.identified({ fleet: found.token.fleet, actor: `member:${found.token.member}`, credential: found.token.id });
  return { principal: tokenPrincipal(found, input.nowMs), token: found.token };
}

/** Throws when it expired, was revoked or lost its member. */
export function tokenPrincipal({ token, member }: TokenWithMember, nowMs: number): TokenPrincipal {
  unwrap(tokenLives(token, nowMs));
  if (member === null) throw new MaestroFailure(tokenRevoked(`The member token '${token.name}' belonged to was removed.`));
  return {
    kind: "token",
    id: token.id,
    fleet: token.fleet,
    member: member.id,
    name: token.name === member.name ? member.name : `${member.name}/${token.name}`,
    ...rightsOf(token, member),
    expiresMs: token.expiresMs,
    ticket: undefined,
  };
}
