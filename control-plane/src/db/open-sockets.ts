/** [VW5] The index from a credential to the objects that may hold one of its sockets. */
import { inArray, lt } from "drizzle-orm";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { openSockets } from "./schema.ts";

export interface SocketPlace {
  kind: "relay" | "feed" | "scheduler" | "log";
  object: string;
}

/** A statement. Repeating it is harmless; a row may outlive its socket, which costs revocation one needless call. */
export const socketRecord = (db: Db, fleet: FleetId, credential: string, place: SocketPlace, nowMs: number) =>
  db
    .insert(openSockets)
    .values({ fleet, credential, ...place, openedMs: nowMs })
    .onConflictDoUpdate({ target: [openSockets.credential, openSockets.kind, openSockets.object], set: { openedMs: nowMs } });

// D1 takes 100 bound parameters a statement.
const CHUNK = 90;
const chunks = (all: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, i) => all.slice(i * CHUNK, (i + 1) * CHUNK));

export async function socketsOf(db: Db, credentials: readonly string[]): Promise<(SocketPlace & { credential: string })[]> {
  const found: (SocketPlace & { credential: string })[] = [];
  for (const some of chunks(credentials)) {
    found.push(
      ...(await db
        .select({ credential: openSockets.credential, kind: openSockets.kind, object: openSockets.object })
        .from(openSockets)
        .where(inArray(openSockets.credential, some))),
    );
  }
  return found;
}

export async function forgetSockets(db: Db, credentials: readonly string[]): Promise<void> {
  for (const some of chunks(credentials)) await db.delete(openSockets).where(inArray(openSockets.credential, some));
}

/** No credential's socket lives longer than its credential, so rows older than the longest life are dead. */
export async function pruneSockets(db: Db, openedBeforeMs: number): Promise<void> {
  await db.delete(openSockets).where(lt(openSockets.openedMs, openedBeforeMs));
}
