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
  const stands =
    who.kind === "token" ? (await tokenById(db, who.id))?.token.revokedMs === null : (await sessionById(db, who.id)) !== undefined;
  if (!stands) throw fail("token_revoked", "The credential ended a moment ago.", { hint: "Log in again." });
}

/** Every open socket of these credentials, in every object that may hold one. */
export async function closeSockets(env: Env, db: Db, credentials: readonly string[], nowMs: number): Promise<void> {
  const places = await socketsOf(db, credentials);
  await Promise.all(
    places.map(async ({ kind, object, credential }) => {
      switch (kind) {
        case "feed":
          return env.FEED.getByName(object).closeCredential(credential);
        case "relay":
          return env.HOST_RELAY.getByName(object).closeCredential(credential);
      }
    }),
  );
  await forgetSockets(db, credentials);
  await pruneSockets(db, nowMs - DEAD_AFTER_MS);
}

/** The upgrade as the object gets it: with the Worker's word on who it is, and without the caller's proofs. */
export function forwarded(request: Request, header: string, context: object): Request {
  const headers = new Headers(request.headers);
  for (const secret of ["authorization", "cookie", "x-maestro-key", "x-maestro-csrf"]) headers.delete(secret);
  headers.set(header, JSON.stringify(context));
  return new Request(request, { headers });
}
