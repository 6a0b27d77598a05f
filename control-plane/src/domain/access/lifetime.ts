/** When credentials end, and how that is told. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { SESSION_IDLE_MS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";

const day = (ms: number): string => new Date(ms).toISOString();

export function tokenLives(token: { name: string; expiresMs: number; revokedMs: number | null }, nowMs: number): Result<void> {
  if (token.revokedMs !== null) return err(tokenRevoked(`Token '${token.name}' was revoked on ${day(token.revokedMs)}.`));
  if (token.expiresMs <= nowMs)
    return err(
      maestroError("token_expired", `Token '${token.name}' expired on ${day(token.expiresMs)}.`, {
        hint: "Create a new one: maestro token create.",
      }),
    );
  return ok(undefined);
}

export const tokenRevoked = (detail: string): MaestroError =>
  maestroError("token_revoked", detail, { hint: "Ask an owner for a new one." });

export function sessionLives(session: { lastSeenMs: number; expiresMs: number }, nowMs: number): Result<void> {
  return nowMs < sessionEndsMs(session)
    ? ok(undefined)
    : err(maestroError("session_expired", "The browser session ended.", { hint: "Log in again: maestro open." }));
}

/** Idle or absolute, whichever comes first. */
export const sessionEndsMs = (session: { lastSeenMs: number; expiresMs: number }): number =>
  Math.min(session.expiresMs, session.lastSeenMs + SESSION_IDLE_MS);
