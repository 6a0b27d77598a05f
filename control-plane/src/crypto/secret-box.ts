/**
 * [TK5] Secrets at rest: ciphertext that is bound to where it belongs, so that moved elsewhere it does not open. Those of
 * the fleet belong to their name, those a caller brings to one task.
 */
import { fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";

export type SecretPlace = { kind: "fleet"; fleet: string; name: string } | { kind: "task"; fleet: string; task: string; name: string };

export const SECRET_IV_BYTES = 12;

/** @param key `keys.secrets` @param iv fresh random bytes. */
export async function sealSecret(key: CryptoKey, place: SecretPlace, value: string, iv: Uint8Array): Promise<string> {
  const nonce = Uint8Array.from(iv);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: bound(place) }, key, utf8(value));
  return `${MARKS[place.kind]}.${toBase64Url(nonce)}.${toBase64Url(new Uint8Array(sealed))}`;
}

/** As an attempt of `task` gets it: one of the fleet's, or one that was brought for this very task. Undefined: neither. */
export async function openSecret(
  key: CryptoKey,
  at: { fleet: string; task: string; name: string },
  text: string,
): Promise<string | undefined> {
  const [mark, iv, sealed, ...rest] = text.split(".");
  const place: SecretPlace = mark === MARKS.fleet ? { kind: "fleet", fleet: at.fleet, name: at.name } : { kind: "task", ...at };
  const nonce = fromBase64Url(iv ?? "");
  const bytes = fromBase64Url(sealed ?? "");
  if (nonce?.byteLength !== SECRET_IV_BYTES || bytes === undefined || rest.length > 0) return undefined;
  try {
    const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: bound(place) }, key, bytes);
    return new TextDecoder().decode(opened);
  } catch {
    // Damaged, or of another place.
    return undefined;
  }
}

const MARKS = { fleet: "f", task: "t" } as const;

const bound = (place: SecretPlace): Uint8Array<ArrayBuffer> =>
  utf8(JSON.stringify(place.kind === "fleet" ? [place.fleet, "secret", place.name] : [place.fleet, "task", place.task, place.name]));
