/** Every key of the deployment, derived from the one secret by HKDF: a leak of one purpose does not touch another. */
import { utf8 } from "./encoding.ts";

export interface Keys {
  /** HMAC of stored secrets: tokens, cookies, links. */
  pepper: CryptoKey;
  ticket: CryptoKey;
  cursor: CryptoKey;
  joinNonce: CryptoKey;
  csrf: CryptoKey;
  /** AES-GCM, for answers kept with an Idempotency-Key. */
  idempotency: CryptoKey;
  /** HMAC of agents' tokens. */
  attempt: CryptoKey;
  /** [TK5] AES-GCM, for secrets that wait for their task. */
  secrets: CryptoKey;
}

export async function deriveKeys(secret: Uint8Array<ArrayBuffer>): Promise<Keys> {
  const root = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const derive = (label: string, algorithm: SubtleCryptoGenerateKeyAlgorithm, usages: string[]): Promise<CryptoKey> =>
    crypto.subtle.deriveKey(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(`maestro/v1/${label}`) },
      root,
      algorithm,
      false,
      usages,
    );
  const sign = (label: string): Promise<CryptoKey> => derive(label, { name: "HMAC", hash: "SHA-256", length: 256 }, ["sign"]);
  const encrypt = (label: string): Promise<CryptoKey> => derive(label, { name: "AES-GCM", length: 256 }, ["encrypt", "decrypt"]);
  const [pepper, ticket, cursor, joinNonce, csrf, idempotency, attempt, secrets] = await Promise.all([
    sign("token-pepper"),
    sign("ticket"),
    sign("cursor"),
    sign("join-nonce"),
    sign("csrf"),
    encrypt("idempotency"),
    sign("attempt"),
    encrypt("secrets"),
  ]);
  return { pepper, ticket, cursor, joinNonce, csrf, idempotency, attempt, secrets };
}
