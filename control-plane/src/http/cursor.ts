/** Signed cursors: where a list goes on, usable for that very list only. */
import * as z from "zod";
import { fail } from "@maestro/shared/errors";
import { sha256Hex } from "../crypto/digest.ts";
import { openClaims, sealClaims } from "../crypto/signed.ts";

const Claims = z.object({ q: z.string(), a: z.string() });

/** The query a cursor belongs to, as a short digest: fleet, route and filters; the page size may change on the way. */
export async function queryIdentity(fleet: string, route: string, query: Readonly<Record<string, unknown>>): Promise<string> {
  const filters = Object.entries(query).filter(([name]) => name !== "cursor" && name !== "limit");
  return (await sha256Hex(JSON.stringify([fleet, route, filters.sort(([a], [b]) => (a < b ? -1 : 1))]))).slice(0, 32);
}

export const sealCursor = (key: CryptoKey, query: string, after: string): Promise<string> => sealClaims(key, { q: query, a: after });

export async function openCursor(key: CryptoKey, query: string, cursor: string): Promise<string> {
  const claims = await openClaims(key, cursor, Claims);
  if (claims?.q === query) return claims.a;
  throw fail("cursor_invalid", claims === undefined ? "The cursor was not made here." : "The cursor belongs to another query.", {
    field: "cursor",
    hint: "Start again without a cursor.",
  });
}
