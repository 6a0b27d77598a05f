/** [TK5] Seals an attempt's secrets for its host. The format is described in shared/protocol/sealed.ts; the host's end is tasks/unseal.ts. */
import { SEALED_NONCE_BYTES, SEALED_PUBLIC_KEY_BYTES, sealedInfo, type SealedEnv } from "@maestro/shared/protocol/sealed";
import { fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";

/** How long one key pair of ours is used: making one takes longer than all else that a seal does. */
const AGREEMENT_MS = 60_000;

/** What a key pair of ours and the host's key come to. */
interface Agreement {
  sealingKey: string;
  /** Since when it is used, Unix ms. */
  sinceMs: number;
  publicKey: Uint8Array;
  secret: CryptoKey;
}

/** Seals for one host. Each seal has its own key and nonce, also those of one agreement. */
export class Sealer {
  readonly #nowMs: () => number;
  #agreement: Agreement | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * Undefined when the host's key is no X25519 key.
   *
   * @param sealingKey of the host: raw, base64url, as it was enrolled.
   */
  async seal(sealingKey: string, { attempt, fence }: { attempt: string; fence: number }, env: SealedEnv): Promise<string | undefined> {
    const agreement = await this.#agreed(sealingKey);
    if (agreement === undefined) return undefined;
    const info = utf8(sealedInfo(attempt, fence));
    const key = await crypto.subtle.deriveKey(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info },
      agreement.secret,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt"],
    );
    const nonce = crypto.getRandomValues(new Uint8Array(SEALED_NONCE_BYTES));
    const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: info }, key, utf8(JSON.stringify(env)));
    return toBase64Url(joined(agreement.publicKey, nonce, new Uint8Array(box)));
  }

  async #agreed(sealingKey: string): Promise<Agreement | undefined> {
    const nowMs = this.#nowMs();
    const known = this.#agreement;
    const age = known === undefined ? undefined : nowMs - known.sinceMs;
    if (age !== undefined && age >= 0 && age < AGREEMENT_MS && known?.sealingKey === sealingKey) return known;
    const made = await agree(sealingKey, nowMs);
    if (made !== undefined) this.#agreement = made;
    return made;
  }
}

async function agree(sealingKey: string, sinceMs: number): Promise<Agreement | undefined> {
  const raw = fromBase64Url(sealingKey);
  if (raw?.byteLength !== SEALED_PUBLIC_KEY_BYTES) return undefined;
  const ephemeral = await crypto.subtle.generateKey("X25519", false, ["deriveBits"]);
  if (!("privateKey" in ephemeral)) return undefined;
  const shared = await sharedSecret(ephemeral.privateKey, raw);
  if (shared === undefined) return undefined;
  const [secret, publicKey] = await Promise.all([
    crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]),
    crypto.subtle.exportKey("raw", ephemeral.publicKey),
  ]);
  return publicKey instanceof ArrayBuffer ? { sealingKey, sinceMs, publicKey: new Uint8Array(publicKey), secret } : undefined;
}

async function sharedSecret(own: CryptoKey, theirs: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer | undefined> {
  try {
    const key = await crypto.subtle.importKey("raw", theirs, "X25519", false, []);
    // The platform's types name the field with a `$`; the platform does not.
    const algorithm = { name: "X25519", public: key };
    return await crypto.subtle.deriveBits(algorithm, own, 256);
  } catch {
    // A point of small order: its secret would be no secret.
    return undefined;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
