/** Ed25519 over base64url: a host's identity. */
import { fromBase64Url, utf8 } from "./encoding.ts";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

export const isPublicKey = (text: string): boolean => fromBase64Url(text)?.byteLength === KEY_BYTES;

/** False for a wrong signature and for anything that is no key or no signature. */
export async function verifyEd25519(publicKey: string, signature: string, text: string): Promise<boolean> {
  const raw = fromBase64Url(publicKey);
  const sig = fromBase64Url(signature);
  if (raw?.byteLength !== KEY_BYTES || sig?.byteLength !== SIGNATURE_BYTES) return false;
  try {
    const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, sig, utf8(text));
  } catch {
    // 32 bytes that are no point of the curve.
    return false;
  }
}

/** Whether any of the keys signed any of the texts; both lists are short. */
export async function verifyAny(publicKeys: readonly string[], signature: string, texts: readonly string[]): Promise<boolean> {
  for (const key of publicKeys) for (const text of texts) if (await verifyEd25519(key, signature, text)) return true;
  return false;
}
