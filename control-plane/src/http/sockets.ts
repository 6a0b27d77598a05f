/** [VW5] Sockets and the credentials they live by: recorded before they open, closed when the credential goes. */
import { fail } from "@maestro/shared/errors";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "../db/client.ts";
import { sessionById } from "../db/browser-sessions.ts";
import { forgetSockets, pruneSockets, recordSocket, socketsOf, type SocketPlace } from "../db/open-sockets.ts";
import { tokenById } from "../db/tokens.ts";
import type { UserPrincipal } from "../domain/access/principal.ts";

// The longest a credential lives, and then some.
const DEAD_AFTER_MS = 400 * 24 * 3_600_000;

/**
 * Call before forwarding an upgrade. The record stands before the credential is looked at once more, so a
 * revocation either finds the record or is found here; the object refuses what falls in between.
 */
export async function recordOpening(db: Db, fleet: FleetId, who: UserPrincipal, place: SocketPlace, nowMs: number): Promise<void> {
  await recordSocket(db, fleet, who.id, place, nowMs);
  await requireStanding(db, who);
}

/** After a wait: throws when the credential was revoked meanwhile. */
export async function requireStanding(db: Db, who: UserPrincipal): Promise<void> {
  if (!(await stands(db, who))) throw fail("token_revoked", "The credential ended a moment ago.", { hint: "Log in again." });
}

async function stands(db: Db, who: UserPrincipal): Promise<boolean> {
  if (who.kind === "token") return (await tokenById(db, who.id))?.token.revokedMs === null;
  const found = await sessionById(db, who.id);
  return found !== undefined && (found.parent === null || found.parent.revokedMs === null);
}

/** An object that is just being moved is there again at once. */
const CLOSE_TRIES = 3;

/**
 * Every open socket of these credentials, in every object that may hold one. All are tried, whatever one of them says.
 * `changed`: the credential stands with other rights, and whoever has it comes back with those.
 */
export async function closeSockets(
  env: Env,
  db: Db,
  credentials: readonly string[],
  nowMs: number,
  why: "revoked" | "changed" = "revoked",
): Promise<void> {
  const places = await socketsOf(db, credentials);
  const closed = await Promise.allSettled(places.map((place) => closeAt(env, place, why)));
  for (const one of closed) if (one.status === "rejected") throw one.reason;
  await forgetSockets(db, credentials);
  await pruneSockets(db, nowMs - DEAD_AFTER_MS);
}

async function closeAt(
  env: Env,
  { kind, object, credential }: SocketPlace & { credential: string },
  why: "revoked" | "changed",
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await holderOf(env, kind, object).closeCredential(credential, why);
    } catch (error) {
      if (tries === CLOSE_TRIES) throw error;
    }
  }
}

function holderOf(env: Env, kind: SocketPlace["kind"], object: string) {
  switch (kind) {
    case "feed":
      return env.FEED.getByName(object);
    case "relay":
      return env.HOST_RELAY.getByName(object);
    case "scheduler":
      return env.SCHEDULER.getByName(object);
    case "log":
      return env.ATTEMPT_LOG.getByName(object);
  }
}

/** The upgrade as the object gets it: with the Worker's word on who it is, and without the caller's proofs. */
export function forwarded(request: Request, header: string, context: object): Request {
  const headers = new Headers(request.headers);
  for (const secret of ["authorization", "cookie", "x-maestro-key", "x-maestro-csrf"]) headers.delete(secret);
  headers.set(header, JSON.stringify(context));
  return new Request(request, { headers });
}
