/** Idempotency keys: the first request claims the key, repeats get its answer. */
import { and, eq, isNotNull, isNull, lt, sql } from "drizzle-orm";
import type { FleetId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { idempotency } from "./schema.ts";

export interface IdempotencyKey {
  fleet: FleetId;
  credential: string;
  key: string;
}

export type Claim =
  /** This request is the first, or follows one that died, and must `settle` or `release`. `firstMs`: when it was asked for the first time. */
  { kind: "mine"; firstMs: number } | { kind: "done"; digest: string; status: number; response: string } | { kind: "busy"; digest: string };

export const KEEP_MS = 24 * 3_600_000;
/** A Worker that died in the middle leaves its claim behind; no request of ours takes this long. */
export const ABANDONED_MS = 2 * 60_000;

export async function claimKey(db: Db, id: IdempotencyKey, digest: string, nowMs: number): Promise<Claim> {
  const [, taken, made] = await db.batch([
    db.delete(idempotency).where(and(same(id), lt(idempotency.createdMs, nowMs - KEEP_MS))),
    db
      .update(idempotency)
      .set({ response: sql`coalesce(${idempotency.response}, ${idempotency.createdMs})`, createdMs: nowMs })
      .where(and(same(id), eq(idempotency.digest, digest), isNull(idempotency.status), lt(idempotency.createdMs, nowMs - ABANDONED_MS)))
      .returning({ firstMs: idempotency.response }),
    db
      .insert(idempotency)
      .values({ ...id, digest, createdMs: nowMs })
      .onConflictDoNothing()
      .returning({ key: idempotency.key }),
  ]);
  const firstMs = made.length > 0 ? nowMs : taken[0]?.firstMs;
  if (firstMs !== undefined) return { kind: "mine", firstMs: Number(firstMs) };
  const row = await db.select().from(idempotency).where(same(id)).get();
  if (row === undefined || row.status === null || row.response === null) return { kind: "busy", digest: row?.digest ?? digest };
  return { kind: "done", digest: row.digest, status: row.status, response: row.response };
}

export async function settleKey(db: Db, id: IdempotencyKey, status: number, response: string): Promise<void> {
  await db.update(idempotency).set({ status, response }).where(same(id));
}

/** A refused request may be sent again as it is. */
export async function releaseKey(db: Db, id: IdempotencyKey): Promise<void> {
  await db.delete(idempotency).where(and(same(id), isNull(idempotency.status)));
}

export async function pruneKeys(db: Db, nowMs: number): Promise<void> {
  await db.delete(idempotency).where(and(isNotNull(idempotency.status), lt(idempotency.createdMs, nowMs - KEEP_MS)));
}

const same = (id: IdempotencyKey) =>
  and(eq(idempotency.fleet, id.fleet), eq(idempotency.credential, id.credential), eq(idempotency.key, id.key));
