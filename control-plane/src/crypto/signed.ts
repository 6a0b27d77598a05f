/** Small claims the server hands out and gets back: JSON and an HMAC, both base64url. Readable, not forgeable. */
import type * as z from "zod";
import { equalDigests, hmac } from "./digest.ts";
import { fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";

export async function sealClaims(key: CryptoKey, claims: unknown): Promise<string> {
  const body = toBase64Url(utf8(JSON.stringify(claims)));
  return `${body}.${toBase64Url(await hmac(key, body))}`;
}

/** Undefined for anything this key did not seal or this schema does not fit. */
export async function openClaims<T>(key: CryptoKey, text: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const [body, mac, ...rest] = text.split(".");
  if (body === undefined || mac === undefined || rest.length > 0) return undefined;
  if (!equalDigests(mac, toBase64Url(await hmac(key, body)))) return undefined;
  const bytes = fromBase64Url(body);
  if (bytes === undefined) return undefined;
  const claims = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  return claims.success ? claims.data : undefined;
}
