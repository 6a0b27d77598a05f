/** [VW5] Sockets and the credentials they live by: recorded before anything comes of them, closed when the credential goes. */
import type { Role } from "@maestro/shared/contract/access";
import { fail } from "@maestro/shared/errors";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "../db/client.ts";
import { forgetSockets, pruneSockets, socketRecord, socketsOf, type SocketPlace } from "../db/open-sockets.ts";
import { sessionStanding, tokenStanding, type Standing } from "../db/standing.ts";
import { lowerRole } from "../domain/access/permissions.ts";
import type { UserPrincipal } from "../domain/access/principal.ts";

// The longest a credential lives, and then some.
const DEAD_AFTER_MS = 400 * 24 * 3_600_000;

/**
 * Call before forwarding an upgrade, or hold back all that comes of it until this resolves. The record stands before the credential is looked at once more, so a
 * revocation either finds the record or is found here, and so are other rights; the object refuses what falls in between.
 * One transaction: the two are one commit, and no second way there and back, for somebody who waits for a screen.
 */
export async function recordOpening(db: Db, fleet: FleetId, who: UserPrincipal, place: SocketPlace, nowMs: number): Promise<void> {
  const record = socketRecord(db, fleet, who.id, place, nowMs);
  const [, [standing]] =
    who.kind === "token" ? await db.batch([record, tokenStanding(db, who.id)]) : await db.batch([record, sessionStanding(db, who.id)]);
  // Who it is may have been remembered, and a socket keeps the rights that it was opened with.
  if (roleOf(standing) !== who.role)
    throw fail("superseded", "The rights of this credential changed a moment ago.", { hint: "Connect again." });
}

/** After a wait: throws when the credential was revoked meanwhile. */
export async function requireStanding(db: Db, who: UserPrincipal): Promise<void> {
  roleOf(await (who.kind === "token" ? tokenStanding(db, who.id).get() : sessionStanding(db, who.id).get()));
}

/** Throws when it has none any more. */
function roleOf(standing: Standing | undefined): Role {
  if (standing === undefined || standing.memberRole === null || standing.revokedMs !== null)
    throw fail("token_revoked", "The credential ended a moment ago.", { hint: "Log in again." });
  return lowerRole(standing.role, standing.memberRole);
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
