/** Signing in: with a one-time link's secret, a whole link pasted, or an API token. */
import { maestroError } from "@maestro/shared/errors";
import { ROUTES } from "@maestro/shared/contract/routes";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseToken } from "@maestro/shared/token";
import { call, command, type ApiError } from "./client.ts";
import { duringSignIn, forgetSessionKey, writeSessionKey } from "./session-key.ts";

/** What was pasted, as the API takes it; typing errors are found here, by the checksum. */
export function loginBody(pasted: string): Result<{ token: string } | { link: string }> {
  const text = pasted.trim().replace(/^.*#/, "");
  if (text === "")
    return err(maestroError("field_missing", "Nothing was pasted.", { hint: "Run `maestro open` and paste the link it prints." }));
  const parsed = parseToken(text, ["login", "pat"]);
  if (!parsed.ok) return parsed;
  return ok(parsed.value.kind === "login" ? { link: text } : { token: text });
}

export async function signIn(pasted: string): Promise<Result<undefined, ApiError>> {
  const body = loginBody(pasted);
  if (!body.ok) return body;
  return duringSignIn(exchange(body.value));
}

async function exchange(body: { token: string } | { link: string }): Promise<Result<undefined, ApiError>> {
  const answer = await call(ROUTES.login, { body });
  if (!answer.ok) return answer;
  writeSessionKey(answer.value);
  return ok(undefined);
}

export async function signOut(): Promise<void> {
  // Even if the server is away: this browser forgets the key, and the cookie alone opens nothing.
  await command(ROUTES.logout, { body: {} });
  forgetSessionKey();
}

/** The secret of `…/login#mst_login_…`, taken out of the address at once so that it stays in no history. */
export function takeFragment(): string | undefined {
  const secret = location.hash.slice(1);
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search);
  return secret.startsWith("mst_login_") ? secret : undefined;
}

const SIGN_IN_CODES: readonly string[] = [
  "auth_required",
  "session_expired",
  "session_key_missing",
  "token_unknown",
  "token_expired",
  "token_revoked",
  "token_malformed",
];
export const needsSignIn = (error: ApiError): boolean => SIGN_IN_CODES.includes(error.code);
