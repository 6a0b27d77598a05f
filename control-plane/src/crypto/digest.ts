/** Digests, keyed and plain, and their comparison in constant time. */
import { toHex, utf8 } from "./encoding.ts";

export async function sha256Hex(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", typeof data === "string" ? utf8(data) : data)));
}

export async function hmac(key: CryptoKey, text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text)));
}

export const hmacHex = async (key: CryptoKey, text: string): Promise<string> => toHex(await hmac(key, text));

/** For digests, whose length is no secret. */
export function equalDigests(a: string, b: string): boolean {
  const left = utf8(a);
  const right = utf8(b);
  return left.byteLength === right.byteLength && crypto.subtle.timingSafeEqual(left, right);
}
