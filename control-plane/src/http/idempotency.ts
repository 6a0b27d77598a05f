/** Idempotency-Key: a write that was answered once is answered the same again for 24 h, without being done again. */
import { fail } from "@maestro/shared/errors";
import { fromBase64Url, toBase64Url, toHex, utf8 } from "../crypto/encoding.ts";
import type { Db } from "../db/client.ts";
import { claimKey, pruneKeys, releaseKey, settleKey, type IdempotencyKey } from "../db/idempotency.ts";
import { isDefinite } from "../domain/fleet/outcome.ts";

export interface IdempotentRequest {
  db: Db;
  /** Answers may hold secrets that are shown once, so they are kept encrypted. */
  key: CryptoKey;
  id: IdempotencyKey;
  /** Of method, path and body: the same key for anything else is a mistake. */
  digest: string;
  nowMs: number;
  random(bytes: number): Uint8Array;
}

const KEY_SHAPE = /^[\x21-\x7e]{1,128}$/;

/** The header's value; undefined when there is none. */
export function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (!KEY_SHAPE.test(key))
    throw fail("field_invalid", "'Idempotency-Key' must be 1–128 printable characters without spaces.", {
      field: "idempotency-key",
      hint: "A UUID will do.",
    });
  return key;
}

/** Of both, one behind the other, and without a copy of either: a body may be a large part of a Worker's memory. */
export async function digestOf(head: string, body: Uint8Array): Promise<string> {
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  await writer.write(utf8(head));
  await writer.write(body);
  await writer.close();
  return toHex(new Uint8Array(await stream.digest));
}

/** @param act is told when this was asked for the first time: an earlier one that died may have done it. */
export async function onceOnly(request: IdempotentRequest, act: (firstMs: number) => Promise<Response>): Promise<Response> {
  const { db, id, digest, nowMs } = request;
  const claim = await claimKey(db, id, digest, nowMs);
  if (claim.kind !== "mine" && claim.digest !== digest) {
    throw fail("idempotency_mismatch", "This Idempotency-Key was used for another request.", {
      field: "idempotency-key",
      hint: "Use a new key for a new request.",
    });
  }
  switch (claim.kind) {
    case "busy":
      throw fail("idempotency_in_progress", "The first request with this key is still at work.", {
        field: "idempotency-key",
        hint: "Try again in a moment.",
      });
    case "done":
      return new Response(claim.status === 204 ? null : await decrypt(request, claim.response), {
        status: claim.status,
        headers: { "content-type": "application/json", "idempotent-replayed": "true" },
      });
    case "mine":
      return settle(request, () => act(claim.firstMs));
  }
}

async function settle(request: IdempotentRequest, act: () => Promise<Response>): Promise<Response> {
  const { db, id, nowMs } = request;
  let response: Response;
  try {
    response = await act();
  } catch (error) {
    // What may have been done must not be done again by a repeat: its claim stands until it counts as abandoned.
    if (isDefinite(error)) await releaseKey(db, id);
    throw error;
  }
  await settleKey(db, id, response.status, await encrypt(request, await response.clone().text()));
  await pruneKeys(db, nowMs);
  return response;
}

/** For ids that are the same with each repeat. */
export async function seedOf(id: IdempotencyKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", place(id)));
}

const IV_BYTES = 12;

async function encrypt(request: IdempotentRequest, text: string): Promise<string> {
  const iv = Uint8Array.from(request.random(IV_BYTES));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: place(request.id) }, request.key, utf8(text));
  return `${toBase64Url(iv)}.${toBase64Url(new Uint8Array(sealed))}`;
}

async function decrypt(request: IdempotentRequest, stored: string): Promise<string> {
  const [iv, sealed] = stored.split(".").map(fromBase64Url);
  if (iv === undefined || sealed === undefined) throw new Error("a stored answer is damaged");
  return new TextDecoder().decode(
    await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: place(request.id) }, request.key, sealed),
  );
}

/** Binds the answer to its row: moved elsewhere, it does not open. */
const place = (id: IdempotencyKey): Uint8Array<ArrayBuffer> => utf8(JSON.stringify([id.fleet, id.credential, id.key]));
