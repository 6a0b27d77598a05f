/** The token of one attempt: claims and an HMAC over them, so that it needs no row. Whether its fence holds, the Scheduler says. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { attemptSigningText, formatAttemptToken, parseAttemptToken, type AttemptClaim } from "@maestro/shared/token";
import { equalDigests, hmac } from "./digest.ts";
import { toBase64Url } from "./encoding.ts";

const macOf = async (key: CryptoKey, claim: AttemptClaim): Promise<string> => toBase64Url(await hmac(key, attemptSigningText(claim)));

/** @param key `keys.attempt` */
export async function makeAttemptToken(key: CryptoKey, claim: AttemptClaim): Promise<string> {
  return formatAttemptToken(claim, await macOf(key, claim));
}

export async function openAttemptToken(key: CryptoKey, text: string): Promise<Result<AttemptClaim>> {
  const parsed = parseAttemptToken(text);
  if (!parsed.ok) return parsed;
  const { claim, mac } = parsed.value;
  return equalDigests(mac, await macOf(key, claim))
    ? ok(claim)
    : err(
        maestroError("token_unknown", "This agent's token was not made here.", {
          hint: "It is given to an agent as MAESTRO_TOKEN by its own server.",
        }),
      );
}
